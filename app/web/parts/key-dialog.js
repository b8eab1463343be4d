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
    if (!isSendable(value)) return complain("A key has only plain letters, digits and symbols, without spaces.");
    setKey(value, form.has("remember"));
    answer(true);
  }

  return html`<dialog ref=${dialog} class="dialog" aria-labelledby="key-title" onCancel=${() => answer(false)}>
    <form onSubmit=${submit}>
      <h2 id="key-title">This service needs a key</h2>
      <p role="alert">${complaint || (used ? detail : "Ask its operator for one.")}</p>
      <label class="field">API key <input name="key" type="password" autocomplete="off" required autofocus /></label>
      <label class="check"><input name="remember" type="checkbox" /> Remember it in this browser</label>
      <div class="row end">
        <button type="button" onClick=${() => answer(false)}>Not now</button>
        <button class="primary">Use this key</button>
      </div>
    </form>
  </dialog>`;
}
