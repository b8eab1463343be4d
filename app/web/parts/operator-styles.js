/** Style images that styles are trained from: added, viewed, trained, deleted. */
import { html, useRef, useState } from "../view.js";
import { act, asOperator, models, styleImages } from "../state/operator.js";
import { call } from "../state/service.js";
import { Confirm } from "./confirm.js";
import { DropZone } from "./drop-zone.js";
import { Icon } from "./icon.js";
import { Picture } from "./style-picture.js";

export function StyleImages() {
  const [asked, ask] = useState(/** @type {any} */ (null));
  return html`<section class="card" aria-labelledby="styles-title">
    <h2 id="styles-title">Style images</h2>
    <${BringForm} />
    <ul class="style-images" role="list">
      ${styleImages.value.map(
        (image) => html`<li key=${image.id}>
          <${Picture} path="v1/admin/styles/${image.id}/picture" operator=${true} version=${image.sha256} alt=${image.title} />
          <div class="style-words">
            <span>${image.title}</span>
            <span class="fine soft">${[image.artist, image.year, image.licence].filter(Boolean).join(", ")}</span>
            <span class="fine soft">${image.used_by.length ? `In ${image.used_by.join(", ")}` : "Not used"}</span>
          </div>
          <${TrainButton} image=${image} />
          <button class="quiet" aria-label="Delete ${image.title}" disabled=${image.used_by.length > 0} onClick=${() => ask(image)}><${Icon} name="trash" /></button>
        </li>`,
      )}
    </ul>
    ${asked &&
    html`<${Confirm}
      title="Delete ${asked.title}?"
      text="No model or training uses it."
      label="Delete"
      onAnswer=${(/** @type {boolean} */ yes) => {
        ask(null);
        if (yes) act(() => call(`v1/admin/styles/${asked.id}`, { method: "DELETE", operator: true }));
      }}
    />`}
  </section>`;
}

/** Adds the style to the first model that is served. @param {{image: any}} props */
function TrainButton({ image }) {
  const model = models.value.find(({ served_here }) => served_here.length)?.name;
  if (!model) return null;
  const train = () => {
    const body = JSON.stringify({ mode: "add", model, styles: [image.id] });
    return act(() => asOperator("v1/admin/trainings", { method: "POST", body, headers: { "Content-Type": "application/json" } }));
  };
  return html`<button class="small" onClick=${train} aria-label="Train ${image.title} for ${model}">Train</button>`;
}

function BringForm() {
  const [file, choose] = useState(/** @type {File|null} */ (null));
  const [busy, work] = useState(false);
  const form = useRef(/** @type {HTMLFormElement|null} */ (null));
  const model = models.value.find(({ served_here }) => served_here.length)?.name;
  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    const element = /** @type {HTMLFormElement} */ (form.current);
    const fields = new FormData(element);
    for (const [name, value] of [...fields]) if (value === "") fields.delete(name);
    fields.set("image", /** @type {File} */ (file));
    work(true);
    const done = await act(() => asOperator("v1/admin/styles", { method: "POST", body: fields }));
    work(false);
    if (!done) return;
    element.reset();
    choose(null);
  }
  return html`<form ref=${form} class="bring" onSubmit=${submit}>
    <${DropZone} label=${file ? file.name : "Drop or choose a style image"} small=${true} onFiles=${(/** @type {File[]} */ [first]) => choose(first)} />
    ${file &&
    html`<div class="pair">
        <label class="field">Title <input name="title" type="text" required maxlength="200" /></label>
        <label class="field">Artist <input name="artist" type="text" maxlength="200" /></label>
        <label class="field">Year <input name="year" type="number" min="-40000" max="2200" /></label>
        <label class="field">Licence <input name="licence" type="text" maxlength="200" /></label>
      </div>
      ${model && html`<label class="check"><input type="checkbox" name="train" value=${model} defaultChecked /> Add it to ${model} at once</label>`}
      <div class="row end">
        <button type="button" onClick=${() => choose(null)}>Cancel</button>
        <button class="primary" disabled=${busy}>${busy ? "Sending…" : "Add"}</button>
      </div>`}
  </form>`;
}
