/** The options of the result, and what to do with it. */
import { html } from "../view.js";
import { drag, options, settle } from "../state/options.js";
import { photo, remove, resultSize, take } from "../state/photo.js";
import { coarseness, strokeFor } from "../state/strokes.js";
import { styleOf } from "../state/catalogue.js";
import { Blend } from "./blend.js";
import { ColourChoice } from "./colour-choice.js";
import { HistoryStrip } from "./history-strip.js";
import { Icon } from "./icon.js";
import { CameraButton, PickButton } from "./inlet.js";
import { OwnImage } from "./own-image.js";
import { Output } from "./output.js";
import { later } from "./later.js";
import { Range, Slider } from "./slider.js";
import { dress } from "./view.js";

const Regions = later(async () => (await Promise.all([import("./regions.js"), dress("regions")]))[0].Regions);

export function Panel() {
  return html`<aside class="panel" aria-label="Options">
    <${Caption} />
    <${Blend} />
    ${ownId() && html`<${OwnImage} id=${ownId()} />`}
    <div class="group">
      <${Slider} name="strength" title="Strength" min=${0} max=${1} step=${0.01} say=${percent} />
      <${Slider} name="boldness" title="Boldness" min=${0} max=${1} step=${0.01} say=${percent} />
      <${StrokeSize} />
      <${ColourChoice} chosen=${options.value.color} onChoose=${(/** @type {import("./colour-choice.js").Colours} */ color) => settle({ color })} />
    </div>
    <${Regions} />
    <${Output} />
    <${HistoryStrip} />
    <div class="group row">
      <${PickButton} label="Another photo" onFile=${take} />
      <${CameraButton} />
      <button onClick=${remove}>Start again</button>
    </div>
  </aside>`;
}

/** Of a style image of the reader's own, where the painting is in its style alone. */
function ownId() {
  const [first, ...others] = options.value.styles;
  return first && !others.length && first.id.startsWith("style:") ? first.id : null;
}

/** A caption, as beside a picture in a museum. */
function Caption() {
  const shares = options.value.styles;
  const only = shares.length === 1 ? styleOf(shares[0].id) : null;
  return html`<header class="caption ${only ? "of-one" : ""}">
    <h1>${only ? only.title : shares.length ? `A blend of ${shares.length} styles` : "…"}</h1>
    ${only && html`<p class="soft">${[only.artist, only.year].filter(Boolean).join(", ")}</p>`}
    <p class="soft fine">${photo.value?.name}, ${photo.value?.width} × ${photo.value?.height}${photo.value?.reduced ? ", reduced" : ""}</p>
  </header>`;
}

/** Relative to the picture: what is automatic is the middle. */
function StrokeSize() {
  const { stroke, size } = options.value;
  const whole = resultSize(/** @type {import("../state/photo.js").Photo} */ (photo.value), size);
  const value = Math.round(coarseness(stroke, whole) * 100) / 100;
  const reset = html`<button class="quiet tiny" aria-label="Automatic stroke size" title="Automatic stroke size" onClick=${() => settle({ stroke: "auto" })}>
    <${Icon} name="undo" />
  </button>`;
  return html`<${Range}
    title="Stroke size"
    min=${0.5}
    max=${2}
    step=${0.05}
    value=${value}
    said=${stroke === "auto" ? "Automatic" : `${value} ×`}
    reset=${stroke !== "auto" && reset}
    onDrag=${(/** @type {number} */ to) => drag({ stroke: strokeFor(to, whole) })}
    onRest=${(/** @type {number} */ to) => settle({ stroke: strokeFor(to, whole) })}
  />`;
}

/** @param {number} value */
const percent = (value) => `${Math.round(value * 100)} %`;
