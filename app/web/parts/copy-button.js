/** Copies text, and says so. */
import { html, useState } from "../view.js";
import { Icon } from "./icon.js";

const SAID_MILLISECONDS = 2000;

/** @param {{label: string, value: () => string, icon?: string}} props */
export function CopyButton({ label, value, icon = "" }) {
  const [copied, say] = useState(false);
  async function onClick() {
    await copy(value());
    say(true);
    setTimeout(() => say(false), SAID_MILLISECONDS);
  }
  return html`<button type="button" onClick=${onClick}>
    ${copied ? html`<${Icon} name="check" />` : icon && html`<${Icon} name=${icon} />`}
    <span aria-live="polite">${copied ? "Copied" : label}</span>
  </button>`;
}

/** @param {string} text */
async function copy(text) {
  // Pages without TLS cannot use the Clipboard API.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}
