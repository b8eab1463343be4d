/** Getting an image into the page: dropped, pasted, picked, or taken. */
import { Fragment, html, signal, useRef } from "../view.js";
import { go, view } from "../state/address.js";
import { take } from "../state/photo.js";
import { Icon } from "./icon.js";
import { takingPhoto } from "./camera.js";

/** While a file is dragged over the page. */
export const hovering = signal(false);

/** Of the whole page; parts that want dropped files for themselves stop the event. */
export function takeDropsAndPastes() {
  let depth = 0;
  addEventListener("dragenter", (event) => {
    if (hasFiles(event)) hovering.value = ++depth > 0;
  });
  addEventListener("dragleave", () => {
    depth = Math.max(0, depth - 1);
    hovering.value = depth > 0;
  });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener(
    "drop",
    () => {
      depth = 0;
      hovering.value = false;
    },
    { capture: true },
  );
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    if (file) receive(file);
  });
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) take(file, { name: "pasted" });
  });
}

/** A film is no photo, wherever it is dropped. @param {File} file */
async function receive(file) {
  if (view.value !== "video" && !file.type.startsWith("video/")) return take(file);
  const { bring } = await import("../state/clip.js");
  go("video");
  bring(file);
}

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

/** A button that opens the file picker. @param {{label: string, kind?: string, onFile: (file: File) => void}} props */
export function PickButton({ label, kind = "", onFile }) {
  const input = useRef(/** @type {HTMLInputElement|null} */ (null));
  return html`<${Fragment}>
    <button type="button" class=${kind} onClick=${() => input.current?.click()}><${Icon} name="upload" />${label}</button>
    <input
      ref=${input}
      type="file"
      accept="image/*"
      hidden
      onChange=${(/** @type {{currentTarget: HTMLInputElement}} */ { currentTarget }) => {
        const [file] = currentTarget.files ?? [];
        if (file) onFile(file);
        currentTarget.value = "";
      }}
    />
  <//>`;
}

/** Where the browser lets pages use a camera. */
export function CameraButton() {
  if (!navigator.mediaDevices?.getUserMedia) return null;
  return html`<button type="button" onClick=${() => (takingPhoto.value = true)}>
    <${Icon} name="camera" />Take a photo
  </button>`;
}
