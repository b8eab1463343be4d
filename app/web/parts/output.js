/** Size and format, the download, and the request as code. */
import { html, signal } from "../view.js";
import { FORMATS, options, settle, text } from "../state/options.js";
import { busy, painting } from "../state/painter.js";
import { photo } from "../state/photo.js";
import { CopyButton } from "./copy-button.js";
import { Icon } from "./icon.js";
import { LANGUAGES, codeFor } from "./code.js";
import { Slider } from "./slider.js";

const SIZES = [512, 768, 1024, 1536, 2048, 3072, 4096];
const EXTENSIONS = { jpeg: "jpg" };
const language = signal(/** @type {keyof typeof LANGUAGES} */ ("curl"));

export function Output() {
  const how = options.value;
  const sizes = how.size === null || SIZES.includes(how.size) ? SIZES : [...SIZES, how.size];
  return html`<section class="group" aria-label="Download">
    <div class="pair">
      <label class="field"
        >Size
        <select value=${how.size ?? ""} onChange=${(/** @type {any} */ event) => settle({ size: Number(event.currentTarget.value) || null })}>
          <option value="">Same as the photo</option>
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

function DownloadLink() {
  const made = painting.value;
  const ready = made && !made.live && !busy.value && text(made.options) === text(options.value);
  if (!made || !ready) return html`<a class="button primary large" role="link" aria-disabled="true"><${Icon} name="download" />Download</a>`;
  const { format, styles } = made.options;
  const name = `${stem(made.photo.name)}-${styles.map(({ id }) => id).join("-")}.${EXTENSIONS[/** @type {"jpeg"} */ (format)] ?? format}`;
  return html`<a class="button primary large" href=${made.url} download=${name}><${Icon} name="download" />Download</a>
    <p class="fine soft facts">
      ${made.width} × ${made.height}, ${Math.max(1, Math.round(made.blob.size / 1000))} kB, by ${made.model} in ${seconds(made.milliseconds)}
    </p>`;
}

function Code() {
  const code = codeFor(language.value, options.value, photo.value?.name ?? "photo.jpg");
  return html`<details class="code">
    <summary>As code</summary>
    <div class="segments" role="group" aria-label="Language">
      ${Object.entries(LANGUAGES).map(
        ([name, title]) => html`<button aria-pressed=${language.value === name} onClick=${() => (language.value = /** @type {keyof typeof LANGUAGES} */ (name))}>${title}</button>`,
      )}
    </div>
    <pre tabindex="0" aria-label="The request as ${LANGUAGES[language.value]}"><code>${code}</code></pre>
    <${CopyButton} label="Copy" value=${() => code} />
  </details>`;
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** @param {string} name */
const stem = (name) => name.replace(/\.\w+$/, "") || "photo";
