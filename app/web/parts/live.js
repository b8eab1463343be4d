/** The view that paints what the camera sees, while it sees it. */
import { html, useEffect, useRef } from "../view.js";
import * as catalogue from "../state/catalogue.js";
import * as live from "../state/live.js";
import { options } from "../state/options.js";
import { canRecord, film, finish, record, recording } from "../state/recording.js";
import { Icon } from "./icon.js";
import { StylePicture } from "./style-picture.js";
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
  const start = () => {
    if (!live.shares.value.length) live.choose(catalogue.styles.value[0].id);
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
      <${Blend} />
      <${Options} />
      <${Styles} />
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

function Blend() {
  const shares = live.shares.value;
  if (shares.length < 2) return null;
  return html`<section class="group" aria-label="Blend">
    ${shares.map(
      ({ id, weight }) => html`<${Range} key=${id} title=${catalogue.styleOf(id).title} value=${weight} onInput=${(/** @type {number} */ given) => live.weigh(id, given)} />`,
    )}
  </section>`;
}

function Options() {
  return html`<section class="group" aria-label="Result">
    <${Range} title="Strength" value=${live.strength.value} onInput=${(/** @type {number} */ given) => (live.strength.value = given)} />
    <div class="segments" role="group" aria-label="Colours">
      <button aria-pressed=${live.color.value === "style"} onClick=${() => (live.color.value = "style")}>Of the style</button>
      <button aria-pressed=${live.color.value === "keep"} onClick=${() => (live.color.value = "keep")}>Of the camera</button>
    </div>
    <label class="field"
      >Largest size
      <select value=${live.size.value} onChange=${(/** @type {any} */ event) => (live.size.value = Number(event.currentTarget.value))}>
        ${live.SIZES.map((edge) => html`<option key=${edge} value=${edge}>${edge} px</option>`)}
      </select>
    </label>
  </section>`;
}

/** @param {{title: string, value: number, onInput: (value: number) => void}} props */
function Range({ title, value, onInput }) {
  const said = `${Math.round(value * 100)} %`;
  return html`<div class="slider">
    <span class="slider-title">${title}</span><span class="slider-value" aria-hidden="true">${said}</span>
    <input
      type="range"
      min="0"
      max="1"
      step="0.01"
      value=${value}
      aria-label=${title}
      aria-valuetext=${said}
      style=${{ "--part": String(value) }}
      onInput=${(/** @type {any} */ event) => onInput(Number(event.currentTarget.value))}
    />
  </div>`;
}

function Styles() {
  return html`<section class="group" aria-label="Styles">
    <ul class="live-styles" role="list">
      ${catalogue.styles.value.map((style) => html`<${Style} key=${style.id} style=${style} />`)}
    </ul>
  </section>`;
}

/** @param {{style: import("../state/catalogue.js").Style}} props */
function Style({ style }) {
  const shares = live.shares.value;
  const chosen = shares.some(({ id }) => id === style.id);
  const label = chosen ? `Remove ${style.title} from the blend` : `Blend with ${style.title}`;
  return html`<li class="live-style ${chosen ? "chosen" : ""}">
    <button class="live-style-choose" aria-pressed=${chosen && shares.length === 1} onClick=${() => live.choose(style.id)}>
      <${StylePicture} style=${style} />
      <span>${style.title}</span>
    </button>
    ${shares.length > 0 &&
    !(chosen && shares.length === 1) &&
    html`<button class="quiet live-style-add" aria-label=${label} title=${label} onClick=${() => live.toggle(style.id)}>
      <${Icon} name=${chosen ? "minus" : "plus"} />
    </button>`}
  </li>`;
}
