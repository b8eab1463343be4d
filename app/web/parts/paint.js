/** The view to paint in: gallery, picture, options. */
import { html, useSignalEffect } from "../view.js";
import { state, styles } from "../state/catalogue.js";
import { options, settle } from "../state/options.js";
import { photo, loading, refusal } from "../state/photo.js";
import { Camera, takingPhoto } from "./camera.js";
import { Gallery } from "./gallery.js";
import { hovering } from "./inlet.js";
import { Panel } from "./panel.js";
import { Stage } from "./stage.js";
import { Start } from "./start.js";
import { Trouble } from "./trouble.js";

export function Paint() {
  useSignalEffect(chooseFirst);
  return html`
    ${photo.value
      ? html`<div class="workspace">
          <${Gallery} />
          <div class="middle">
            ${refusal.value &&
            html`<${Trouble} problem=${refusal.value} onClose=${() => (refusal.value = null)} />`}
            <${Stage} />
          </div>
          <${Panel} />
        </div>`
      : html`<${Start} />`}
    ${hovering.value && html`<div class="drop-here" aria-hidden="true"><span>Drop the photo</span></div>`}
    ${takingPhoto.value && html`<${Camera} />`}
    <p class="unseen" role="status">${loading.value ? "Reading the photo" : ""}</p>
  `;
}

// Strokes are finer than the pixels of a small photo, which is painted larger than it is.
const SMALL_EDGE = 768;
const ENLARGED_EDGE = 1024;

let last = "";

/** A photo is painted at once: in the style of before where the model has it, else in its first. */
function chooseFirst() {
  const chosen = options.value.styles;
  if (chosen.length) last = chosen[0].id;
  else if (photo.value && state.value === "ready" && styles.value.length) {
    const known = styles.value.some((style) => style.id === last);
    const small = Math.max(photo.value.width, photo.value.height) < SMALL_EDGE;
    const size = last ? options.value.size : small ? ENLARGED_EDGE : null;
    settle({ styles: [{ id: known ? last : styles.value[0].id, weight: 1 }], size });
  }
}
