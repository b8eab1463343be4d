/** Asks for the API key. */
import { html, useEffect, useRef, useState } from "../view.js";
import { isSendable, setKey } from "../state/access.js";

/** @param {{detail: string, used: string, answer: (given: boolean) => void}} props */
export function KeyDialog({ detail, used, answer }) {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  const [complaint, complain] = useState("");
  useEffect(() => dialog.current?.showModal(), []);

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const value = String(form.get("key")).trim();
    if (!isSendable(value)) return complain("A key has no spaces and only plain letters, digits and signs.");
    setKey(value, form.has("remember"));
    answer(true);
  }

  return html`<dialog ref=${dialog} class="dialog" aria-labelledby="key-title" onCancel=${() => answer(false)}>
    <form onSubmit=${submit}>
      <h2 id="key-title">This service wants a key</h2>
      <p role="alert">${complaint || (used ? detail : "Whoever runs it has given you one.")}</p>
      <label class="field">API key <input name="key" type="password" autocomplete="off" required autofocus /></label>
      <label class="check"><input name="remember" type="checkbox" /> Remember it in this browser</label>
      <div class="row end">
        <button type="button" onClick=${() => answer(false)}>Not now</button>
        <button class="primary">Use this key</button>
      </div>
    </form>
  </dialog>`;
}
