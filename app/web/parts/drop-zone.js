/** A place for files: dropped on it, or picked by a click. */
import { html, useRef, useState } from "../view.js";
import { Icon } from "./icon.js";

/**
 * @param {{label: string, onFiles: (files: File[]) => void, several?: boolean, busy?: boolean, small?: boolean,
 *   accept?: string, children?: any}} props
 */
export function DropZone({ label, onFiles, several = false, busy = false, small = false, accept = "image/*", children = null }) {
  const input = useRef(/** @type {HTMLInputElement|null} */ (null));
  const [over, hover] = useState(false);
  return html`<div
    class="drop-zone ${over ? "over" : ""} ${small ? "small" : ""}"
    aria-busy=${busy}
    onDragOver=${(/** @type {DragEvent} */ event) => {
      event.preventDefault();
      hover(true);
    }}
    onDragLeave=${() => hover(false)}
    onDrop=${(/** @type {DragEvent} */ event) => {
      event.preventDefault();
      event.stopPropagation();
      hover(false);
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length) onFiles(files);
    }}
  >
    ${children}
    <button type="button" class=${children ? "quiet" : "quiet fill"} onClick=${() => input.current?.click()}>
      <${Icon} name="image" />${label}
    </button>
    <input
      ref=${input}
      type="file"
      accept=${accept}
      multiple=${several}
      hidden
      onChange=${(/** @type {any} */ event) => {
        const files = [...event.currentTarget.files];
        event.currentTarget.value = "";
        if (files.length) onFiles(files);
      }}
    />
  </div>`;
}
