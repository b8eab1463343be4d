/** Style images of the reader's own, in the order in which they were added. */
import { signal } from "../view.js";
import { Problem } from "./service.js";
import { sendable } from "./photo.js";

/** @typedef {{id: string, name: string, file: Blob, url: string}} StyleImage */

export const MAX_IMAGES = 4;
export const styleImages = signal(/** @type {StyleImage[]} */ ([]));
export const refusal = signal(/** @type {Problem|null} */ (null));

let count = 0;

/** @param {Iterable<File>} files */
export async function bring(files) {
  refusal.value = null;
  for (const file of files) {
    if (styleImages.value.length >= MAX_IMAGES) return;
    try {
      const read = await sendable(file);
      const image = { id: String(++count), name: file.name || "style", file: read, url: URL.createObjectURL(read) };
      styleImages.value = [...styleImages.value, image];
    } catch (error) {
      refusal.value = /** @type {Problem} */ (error);
    }
  }
}

/** This one in place of all others. @param {File} file */
export async function bringOnly(file) {
  styleImages.value.forEach(discard);
  await bring([file]);
}

/** @param {StyleImage} image */
export function discard(image) {
  URL.revokeObjectURL(image.url);
  styleImages.value = styleImages.value.filter((other) => other !== image);
}
