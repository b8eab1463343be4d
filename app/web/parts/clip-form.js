/** A clip, its styles, and how they are put together. */
import { html } from "../view.js";
import { problem as catalogueProblem, load, state, styles } from "../state/catalogue.js";
import { ACCEPTED, bring, change, clip, FORMATS, loading, problem, send, sent, SIZES, stop, text, typeOf, wishes } from "../state/clip.js";
import { AsCode } from "./as-code.js";
import { codeForClip } from "./clip-code.js";
import { ColourChoice } from "./colour-choice.js";
import { DropZone } from "./drop-zone.js";
import { Icon } from "./icon.js";
import { Moving } from "./moving.js";
import { amount } from "./output.js";
import { Range } from "./slider.js";
import { StyleChoice, Weights } from "./style-choice.js";
import { Trouble } from "./trouble.js";

export function ClipForm() {
  const ready = clip.value !== null && wishes.value.styles.length > 0;
  return html`<form
    class="order"
    aria-label="Order"
    onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      send();
    }}
  >
    <${ClipField} />
    <${StyleField} />
    <${ClipOptions} />
    ${ready && html`<${Code} />`}
    <div class="order-end">
      ${problem.value && html`<${Trouble} problem=${problem.value} onClose=${() => (problem.value = null)} />`}
      ${sent.value === null
        ? html`<button class="primary large" disabled=${!ready}>Paint the clip</button>`
        : html`<${Upload} part=${sent.value} />`}
    </div>
  </form>`;
}

/** @param {{part: number}} props */
function Upload({ part }) {
  const percent = Math.round(part * 100);
  return html`<div class="progress">
      <progress max="1" value=${part} aria-label="Upload"></progress>
      <p class="small-text" role="status">${percent < 100 ? `Sending, ${percent} %` : "Sent; the service looks at it…"}</p>
    </div>
    <button type="button" onClick=${stop}><${Icon} name="stop" />Cancel</button>`;
}

function ClipField() {
  const what = clip.value;
  return html`<fieldset class="order-part">
    <legend>Clip</legend>
    <${DropZone} label=${what ? "Another clip" : "Drop or choose a clip"} accept=${ACCEPTED} onFiles=${(/** @type {File[]} */ [file]) => bring(file)} busy=${loading.value}>
      ${what?.poster && html`<${Moving} url=${what.url} type=${what.file.type} label="The clip" controls=${true} />`}
    <//>
    ${what && html`<p class="fine soft clip-about">${what.name}, ${what.about}, ${amount(what.file.size)}</p>`}
  </fieldset>`;
}

function StyleField() {
  const { styles: shares, stylesEnd } = wishes.value;
  const put = (/** @type {import("../state/shares.js").Share[]} */ to) => change({ styles: to });
  return html`<fieldset class="order-part">
    <legend>Style</legend>
    ${state.value === "failed" && catalogueProblem.value && html`<${Trouble} problem=${catalogueProblem.value} onAgain=${() => load(null)} />`}
    <div class="clip-styles" tabindex="0" role="group" aria-label="Styles"><${StyleChoice} shares=${shares} onChange=${put} /></div>
    <${Weights} shares=${shares} onChange=${put} />
    <label class="field">Style at the end
      <select value=${stylesEnd} onChange=${(/** @type {any} */ event) => change({ stylesEnd: event.currentTarget.value })}>
        <option value="">The same</option>
        ${styles.value.map(({ id, title }) => html`<option key=${id} value=${id}>${title}</option>`)}
      </select>
    </label>
  </fieldset>`;
}

function ClipOptions() {
  const { strength, color, steady, size, format } = wishes.value;
  const putStrength = (/** @type {number} */ to) => change({ strength: to });
  return html`<fieldset class="order-part">
    <legend class="unseen">Options</legend>
    <${Range} title="Strength" min=${0} max=${1} step=${0.01} value=${strength} said=${`${Math.round(strength * 100)} %`} onDrag=${putStrength} onRest=${putStrength} />
    <${ColourChoice} chosen=${color} onChoose=${(/** @type {import("./colour-choice.js").Colours} */ to) => change({ color: to })} />
    <label class="check">
      <input type="checkbox" checked=${steady} onChange=${(/** @type {any} */ event) => change({ steady: event.currentTarget.checked })} />
      Steady strokes
    </label>
    <div class="pair">
      <label class="field">Size
        <select value=${size ?? ""} onChange=${(/** @type {any} */ event) => change({ size: Number(event.currentTarget.value) || null })}>
          <option value="">Of the clip</option>
          ${SIZES.map((edge) => html`<option key=${edge} value=${edge}>${edge} px</option>`)}
        </select>
      </label>
      <label class="field">Format
        <select value=${format} onChange=${(/** @type {any} */ event) => change({ format: event.currentTarget.value })}>
          ${Object.entries(FORMATS).map(([name, title]) => html`<option key=${name} value=${name}>${title}</option>`)}
        </select>
      </label>
    </div>
  </fieldset>`;
}

function Code() {
  const { name, file } = /** @type {import("../state/clip.js").Clip} */ (clip.value);
  const how = wishes.value;
  return html`<div class="order-part" key=${text(how)}>
    <${AsCode} code=${(/** @type {import("./as-code.js").Language} */ language) => codeForClip(language, how, name, typeOf(file))} />
  </div>`;
}
