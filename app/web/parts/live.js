/** The view that paints what the camera sees, while it sees it. */
import { html, useEffect, useRef } from "../view.js";
import * as catalogue from "../state/catalogue.js";
import * as live from "../state/live.js";
import { options } from "../state/options.js";
import { canRecord, film, finish, record, recording } from "../state/recording.js";
import { alone } from "../state/shares.js";
import { Icon } from "./icon.js";
import { Range } from "./slider.js";
import { StyleChoice, Weights } from "./style-choice.js";
import { Trouble } from "./trouble.js";

export function Live() {
  const canvas = useRef(/** @type {HTMLCanvasElement|null} */ (null));
  useEffect(() => {
    if (catalogue.state.value !== "ready") catalogue.load(null);
    if (!live.shares.value.length && options.value.styles.length) live.shares.value = options.value.styles;
    return () => {
      finish();
      live.stop();
    };
  }, []);
  const shares = live.shares.value;
  const choose = (/** @type {import("../state/shares.js").Share[]} */ to) => (live.shares.value = to);
  const start = () => {
    if (!live.shares.value.length) choose(alone(catalogue.styles.value[0].id));
    live.start(/** @type {HTMLCanvasElement} */ (canvas.current));
  };
  const problem = live.problem.value ?? (catalogue.state.value === "failed" ? catalogue.problem.value : null);
  return html`<div class="live">
    <section class="live-stage" aria-label="Live picture">
      ${(live.state.value !== "off" || problem) && html`<h1 class="unseen">Live painting</h1>`}
      ${problem && html`<${Trouble} problem=${problem} onAgain=${live.state.value === "off" ? start : undefined} />`}
      <canvas ref=${canvas} class="live-picture" role="img" aria-label="What the camera sees, painted" hidden=${live.state.value !== "running"}></canvas>
      ${live.state.value === "off" && !problem && html`<${Invitation} onStart=${start} />`}
      ${live.state.value === "starting" && html`<p class="soft" role="status">Opening the camera…</p>`}
      ${live.state.value !== "off" && html`<${Controls} canvas=${canvas} />`}
      ${film.value && html`<a class="button" href=${film.value.url} download=${film.value.name}><${Icon} name="download" />Download the recording</a>`}
    </section>
    <aside class="live-panel" aria-label="Options">
      ${shares.length > 1 && html`<section class="group" aria-label="Blend"><${Weights} shares=${shares} onChange=${choose} /></section>`}
      <${Options} />
      <section class="group" aria-label="Styles"><${StyleChoice} shares=${shares} onChange=${choose} /></section>
    </aside>
  </div>`;
}

/** @param {{onStart: () => void}} props */
function Invitation({ onStart }) {
  return html`<div class="live-invitation">
    <h1>Paint while the camera looks.</h1>
    <p class="lead">The camera’s frames go to this service and come back as a painting. They are kept nowhere.</p>
    <button class="primary large" disabled=${catalogue.state.value !== "ready"} onClick=${onStart}><${Icon} name="camera" />Start the camera</button>
  </div>`;
}

/** @param {{canvas: {current: HTMLCanvasElement|null}}} props */
function Controls({ canvas }) {
  const pace = live.pace.value;
  return html`<div class="row live-controls">
    <button onClick=${() => (finish(), live.stop())}><${Icon} name="stop" />Stop</button>
    ${canRecord() &&
    live.state.value === "running" &&
    html`<button aria-pressed=${recording.value} onClick=${() => (recording.value ? finish() : record(/** @type {HTMLCanvasElement} */ (canvas.current)))}>
      ${recording.value ? "End the recording" : "Record"}
    </button>`}
    ${pace &&
    html`<p class="soft fine live-pace">
      ${pace.rate.toFixed(0)} pictures a second, ${pace.delay.toFixed(0)} ms behind, ${pace.width} × ${pace.height}
    </p>`}
  </div>`;
}

function Options() {
  const strength = live.strength.value;
  const put = (/** @type {number} */ to) => (live.strength.value = to);
  return html`<section class="group" aria-label="Result">
    <${Range} title="Strength" min=${0} max=${1} step=${0.01} value=${strength} said=${`${Math.round(strength * 100)} %`} onDrag=${put} onRest=${put} />
    <div class="segments" role="group" aria-label="Colours">
      <button aria-pressed=${live.color.value === "style"} onClick=${() => (live.color.value = "style")}>Of the style</button>
      <button aria-pressed=${live.color.value === "keep"} onClick=${() => (live.color.value = "keep")}>Of the camera</button>
    </div>
    <label class="check">
      <input type="checkbox" checked=${live.steady.value} onChange=${(/** @type {any} */ event) => (live.steady.value = event.currentTarget.checked)} />
      Steady strokes
    </label>
    <div class="field">
      Where time is short
      <div class="segments" role="group" aria-label="Where time is short">
        <button aria-pressed=${live.rather.value === "fluent"} onClick=${() => (live.rather.value = "fluent")}>Fluent</button>
        <button aria-pressed=${live.rather.value === "sharp"} onClick=${() => (live.rather.value = "sharp")}>Sharp</button>
      </div>
    </div>
    <label class="field"
      >Largest size
      <select value=${live.size.value} onChange=${(/** @type {any} */ event) => (live.size.value = Number(event.currentTarget.value))}>
        ${live.SIZES.map((edge) => html`<option key=${edge} value=${edge}>${edge} px</option>`)}
      </select>
    </label>
  </section>`;
}
