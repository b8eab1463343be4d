/** Size and format, the download, and the request as code. */
import { html } from "../view.js";
import { FORMATS, options, settle, text } from "../state/options.js";
import { busy, painting } from "../state/painter.js";
import { photo, resultSize } from "../state/photo.js";
import { restroked } from "../state/strokes.js";
import { CopyButton } from "./copy-button.js";
import { Icon } from "./icon.js";
import { later } from "./later.js";
import { Slider } from "./slider.js";

const SIZES = [512, 768, 1024, 1536, 2048, 3072, 4096];
export const EXTENSIONS = { jpeg: "jpg" };

const Code = later(async () => (await import("./photo-code.js")).Code);

export function Output() {
  const how = options.value;
  const sizes = how.size === null || SIZES.includes(how.size) ? SIZES : [...SIZES, how.size];
  return html`<section class="group" aria-label="Download">
    <div class="pair">
      <label class="field"
        >Size
        <select value=${how.size ?? ""} onChange=${(/** @type {any} */ event) => resize(Number(event.currentTarget.value) || null)}>
          <option value="">Original</option>
          ${sizes.map((size) => html`<option key=${size} value=${size}>${size} px</option>`)}
        </select>
      </label>
      <label class="field"
        >Format
        <select value=${how.format} onChange=${(/** @type {any} */ event) => settle({ format: event.currentTarget.value })}>
          ${FORMATS.map((format) => html`<option key=${format} value=${format}>${format.toUpperCase()}</option>`)}
        </select>
      </label>
    </div>
    ${how.format !== "png" &&
    html`<${Slider} name="quality" title="Quality" min=${30} max=${100} step=${1} say=${String} live=${false} />`}
    <${DownloadLink} />
    <${CopyButton} label="Copy a link to this" value=${() => location.href} icon="link" />
    ${photo.value?.sample === null && html`<p class="fine soft">The link contains the options, not your photo.</p>`}
    <${Code} />
  </section>`;
}

/** With the same strokes, beside the picture. @param {number|null} size */
function resize(size) {
  const { stroke, size: before } = options.value;
  const what = photo.value;
  settle({ size, ...(what && { stroke: restroked(stroke, resultSize(what, before), resultSize(what, size)) }) });
}

function DownloadLink() {
  const made = painting.value;
  const ready = made && !made.live && !busy.value && text(made.options) === text(options.value);
  if (!made || !ready) {
    return html`<a class="button primary large" role="link" aria-disabled="true"><${Icon} name="download" />Download</a>
      <p class="fine soft facts"><span>${busy.value ? "Painting…" : "\u00a0"}</span></p>`;
  }
  const { format, styles } = made.options;
  const name = `${stem(made.photo.name)}-${styles.map(({ id }) => id).join("-")}.${EXTENSIONS[/** @type {"jpeg"} */ (format)] ?? format}`;
  return html`<a class="button primary large" href=${made.url} download=${name}><${Icon} name="download" />Download</a>
    <p class="fine soft facts">
      <span>${made.width} × ${made.height}, ${amount(made.blob.size)}</span>
      <span>in ${seconds(made.milliseconds)}</span>
    </p>`;
}

/** @param {number} bytes */
export function amount(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1000))}\u00a0kB` : `${(bytes / 1e6).toFixed(1)}\u00a0MB`;
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** @param {string} name */
export const stem = (name) => name.replace(/\.\w+$/, "") || "photo";
