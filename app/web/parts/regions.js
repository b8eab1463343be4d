/** The regions of the painting: what is drawn, and how each is painted. */
import { html } from "../view.js";
import { styleOf, styles } from "../state/catalogue.js";
import { layDown, pointed, selected, takeUp, tool } from "../state/drawing.js";
import { change, discard, isFull } from "../state/drawn.js";
import { own } from "../state/instant.js";
import { options } from "../state/options.js";
import { MAX_REGIONS } from "../state/region.js";
import { ColourChoice } from "./colour-choice.js";
import { Icon } from "./icon.js";
import { Range } from "./slider.js";

/** @typedef {import("../state/region.js").Region} Region */

export function Regions() {
  const regions = options.value.regions;
  return html`<section class="group regions" aria-labelledby="regions-title">
    <h2 class="small" id="regions-title">Regions</h2>
    ${regions.length > 0
      ? html`<ul role="list">
          ${regions.map((region, place) => html`<${Entry} key=${region.id} region=${region} place=${place + 1} />`)}
        </ul>`
      : html`<p class="fine soft">Draw around a part of the photo, or over it, to paint it in another style.</p>`}
    ${isFull.value
      ? html`<p class="fine soft">There are ${MAX_REGIONS} at the most.</p>`
      : html`<div class="row"><${ToolButton} name="lasso" title="Lasso" /><${ToolButton} name="brush" title="Brush" /></div>`}
  </section>`;
}

/** @param {{name: "lasso"|"brush", title: string}} props */
function ToolButton({ name, title }) {
  return html`<button aria-pressed=${tool.value === name} onClick=${() => (tool.value === name ? layDown() : takeUp(name))}><${Icon} name=${name} />${title}</button>`;
}

/** @param {{region: Region, place: number}} props */
function Entry({ region, place }) {
  const open = selected.value === region.id;
  const title = region.style ? styleOf(region.style).title : region.strength > 0 ? "The same style" : "The photo";
  const point = () => (pointed.value = region.id);
  const leave = () => (pointed.value = null);
  return html`<li>
    <div class="region-line" onPointerEnter=${point} onPointerLeave=${leave} onFocusIn=${point} onFocusOut=${leave}>
      <button class="quiet region-name" aria-expanded=${open} onClick=${() => (selected.value = open ? null : region.id)}>
        <${Icon} name=${region.strokes ? "brush" : "lasso"} /><span>${place}. ${title}</span>
      </button>
      <button class="quiet" aria-label="Remove region ${place}" title="Remove" onClick=${() => remove(region.id)}><${Icon} name="trash" /></button>
    </div>
    ${open && html`<${Manner} region=${region} place=${place} />`}
  </li>`;
}

/** @param {string} id */
function remove(id) {
  pointed.value = null;
  discard(id);
}

/** How a region is painted. @param {{region: Region, place: number}} props */
function Manner({ region, place }) {
  const { id, style, strength, feather, color, strokes } = region;
  const listed = [...own.value, ...styles.value];
  const unknown = style !== null && !listed.some((known) => known.id === style);
  return html`<div class="region-manner">
    <label class="field"
      >Style
      <select aria-label="Style of region ${place}" value=${style ?? ""} onChange=${(/** @type {any} */ event) => change(id, { style: event.currentTarget.value || null })}>
        <option value="">The same as around it</option>
        ${unknown && html`<option value=${style}>${styleOf(/** @type {string} */ (style)).title}</option>`}
        ${listed.map((known) => html`<option key=${known.id} value=${known.id}>${known.title}</option>`)}
      </select>
    </label>
    <${Range}
      title="Strength"
      label="Strength of region ${place}"
      ...${{ min: 0, max: 1, step: 0.01, value: strength, said: `${Math.round(strength * 100)} %` }}
      onDrag=${(/** @type {number} */ to) => change(id, { strength: to }, false)}
      onRest=${(/** @type {number} */ to) => change(id, { strength: to })}
    />
    <${Range}
      title="Soft edge"
      label="Soft edge of region ${place}"
      ...${{ min: 0, max: 0.1, step: 0.005, value: feather, said: `${(feather * 100).toFixed(1)} %` }}
      onDrag=${(/** @type {number} */ to) => change(id, { feather: to }, false)}
      onRest=${(/** @type {number} */ to) => change(id, { feather: to })}
    />
    <${ColourChoice} id="colour-title-${id}" chosen=${color} onChoose=${(/** @type {Region["color"]} */ to) => change(id, { color: to })} />
    ${strokes && html`<button onClick=${() => takeUp("brush", id)}><${Icon} name="brush" />Paint more of it</button>`}
  </div>`;
}
