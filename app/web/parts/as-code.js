/** A request of the page as programs make it, in the reader's language. */
import { html, signal } from "../view.js";
import { CopyButton } from "./copy-button.js";

export const LANGUAGES = { curl: "curl", python: "Python", javascript: "JavaScript" };
/** @typedef {keyof typeof LANGUAGES} Language */

const language = signal(/** @type {Language} */ ("curl"));

/** @param {{code: (language: Language) => string, children?: any}} props `children`: what to know about it */
export function AsCode({ code, children = null }) {
  const shown = code(language.value);
  return html`<details class="code">
    <summary>As code</summary>
    <div class="segments" role="group" aria-label="Language">
      ${Object.entries(LANGUAGES).map(
        ([name, title]) => html`<button type="button" aria-pressed=${language.value === name} onClick=${() => (language.value = /** @type {Language} */ (name))}>${title}</button>`,
      )}
    </div>
    <pre tabindex="0" aria-label="The request as ${LANGUAGES[language.value]}"><code>${shown}</code></pre>
    <${CopyButton} label="Copy" value=${() => shown} />
    ${children}
  </details>`;
}

/** A file's name as shells read it. @param {string} word */
export const shell = (word) => (/^[\w.-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
