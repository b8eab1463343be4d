/** A photo, style images, and how they are put together. */
import { html } from "../view.js";
import { bring, discard, MAX_IMAGES, refusal as styleRefusal, styleImages } from "../state/chosen.js";
import { possible } from "../state/instant.js";
import { change, order, paintAtOnce, problem, send, sending } from "../state/order.js";
import { loading, photo, refusal, SAMPLES, take, takeSample } from "../state/photo.js";
import { address } from "../state/service.js";
import { ColourChoice } from "./colour-choice.js";
import { DropZone } from "./drop-zone.js";
import { Icon } from "./icon.js";
import { CameraButton } from "./inlet.js";
import { Range } from "./slider.js";
import { Trouble } from "./trouble.js";

const SIZES = [256, 384, 512, 768, 1024];
const SECONDS = { 0: "Until it is good", 10: "10 seconds", 30: "30 seconds", 60: "A minute", 300: "5 minutes" };

export function OrderForm() {
  const ready = photo.value && styleImages.value.length > 0;
  return html`<form
    class="order"
    aria-label="Order"
    onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      send();
    }}
  >
    <${PhotoField} />
    <${StyleField} />
    <${OrderOptions} />
    <div class="order-end">
      ${problem.value && html`<${Trouble} problem=${problem.value} />`}
      ${possible.value &&
      html`<button type="button" disabled=${!ready || sending.value} onClick=${paintAtOnce}>Paint at once</button>`}
      <button class="primary large" disabled=${!ready || sending.value}>${sending.value ? "Sending…" : "Paint at its best"}</button>
    </div>
  </form>`;
}

function PhotoField() {
  const what = photo.value;
  return html`<fieldset class="order-part">
    <legend>Photo</legend>
    <${DropZone} label=${what ? "Another photo" : "Drop or choose a photo"} onFiles=${([file]) => take(file)} busy=${loading.value}>
      ${what && html`<img src=${what.url} alt="The photo" />`}
    <//>
    ${refusal.value && html`<${Trouble} problem=${refusal.value} />`}
    ${!what &&
    html`<div class="row order-samples">
      ${SAMPLES.map(
        ({ id, title }) => html`<button type="button" class="sample" onClick=${() => takeSample(id)}>
          <img src=${address(`web/samples/${id}.jpg`).href} alt=${title} />
        </button>`,
      )}
    </div>`}
    ${!what && html`<${CameraButton} />`}
  </fieldset>`;
}

function StyleField() {
  const images = styleImages.value;
  return html`<fieldset class="order-part">
    <legend>Style image</legend>
    ${images.length > 0 &&
    html`<ul class="order-styles" role="list">
      ${images.map(
        (image) => html`<li key=${image.id}>
          <img src=${image.url} alt=${image.name} />
          <button type="button" class="tile-add" aria-label="Remove ${image.name}" onClick=${() => discard(image)}><${Icon} name="close" /></button>
        </li>`,
      )}
    </ul>`}
    ${images.length < MAX_IMAGES &&
    html`<${DropZone} label=${images.length ? "Add another" : "Drop or choose a painting"} several=${true} onFiles=${bring} small=${images.length > 0} />`}
    ${styleRefusal.value && html`<${Trouble} problem=${styleRefusal.value} />`}
  </fieldset>`;
}

function OrderOptions() {
  const { size, color, stroke, content, seconds } = order.value;
  return html`<fieldset class="order-part">
    <legend class="unseen">Options</legend>
    <div class="pair">
      <label class="field">Size
        <select value=${size} onChange=${(/** @type {any} */ event) => change({ size: Number(event.currentTarget.value) })}>
          ${SIZES.map((edge) => html`<option key=${edge} value=${edge}>${edge} px</option>`)}
        </select>
      </label>
      <label class="field">Time
        <select value=${seconds} onChange=${(/** @type {any} */ event) => change({ seconds: Number(event.currentTarget.value) })}>
          ${Object.entries(SECONDS).map(([value, title]) => html`<option key=${value} value=${value}>${title}</option>`)}
        </select>
      </label>
    </div>
    <${OrderSlider} name="stroke" title="Stroke size" value=${stroke} min=${0.5} max=${2} step=${0.05} say=${`${stroke} ×`} />
    <${OrderSlider} name="content" title="Detail of the photo" value=${content} min=${-1} max=${1} step=${0.1} say=${content === 0 ? "as usual" : content > 0 ? "more" : "less"} />
    <${ColourChoice} chosen=${color} onChoose=${(/** @type {import("./colour-choice.js").Colours} */ to) => change({ color: to })} />
  </fieldset>`;
}

/** @param {{name: "stroke"|"content", title: string, value: number, min: number, max: number, step: number, say: string}} props */
function OrderSlider({ name, say, ...props }) {
  const put = (/** @type {number} */ to) => change({ [name]: to });
  return html`<${Range} ...${props} said=${say} onDrag=${put} onRest=${put} />`;
}
