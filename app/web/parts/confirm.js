/** Asks before something that is hard to undo. */
import { html, useEffect, useRef } from "../view.js";

/** @param {{title: string, text: string, label: string, onAnswer: (yes: boolean) => void}} props */
export function Confirm({ title, text, label, onAnswer }) {
  const dialog = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => dialog.current?.showModal(), []);
  return html`<dialog ref=${dialog} class="dialog" aria-labelledby="confirm-title" onCancel=${() => onAnswer(false)}>
    <form
      onSubmit=${(/** @type {Event} */ event) => {
        event.preventDefault();
        onAnswer(true);
      }}
    >
      <h2 id="confirm-title">${title}</h2>
      <p>${text}</p>
      <div class="row end">
        <button type="button" onClick=${() => onAnswer(false)}>Cancel</button>
        <button class="primary">${label}</button>
      </div>
    </form>
  </dialog>`;
}
