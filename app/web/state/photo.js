/** The photo to stylize. It is sent with each request, and kept only in this browser. */
import { signal } from "../view.js";
import { keep, kept } from "./keep.js";
import { shrunk } from "./picture.js";
import { address, call, isAbort, Problem } from "./service.js";

/**
 * @typedef {{id: string, name: string, sample: string|null, file: Blob, small: Blob, live: Blob, url: string,
 *   width: number, height: number}} Photo
 *   `file` is sent for paintings, `live` while something is dragged, `small` for previews; `url` shows `file`.
 */

export const SAMPLES = [
  { id: "cat", title: "A cat", credit: "Stefan van der Walt" },
  { id: "coffee", title: "A cup of coffee", credit: "Rachel Michetti" },
  { id: "rocket", title: "A rocket", credit: "SpaceX" },
  { id: "astronaut", title: "An astronaut", credit: "NASA" },
];
// The service's default limit of the result; larger photos are reduced here, which makes uploads quick.
export const SENT_EDGE = 2048;
const SENT_BYTES = 6_000_000;
export const LIVE_EDGE = 448;
export const SMALL_EDGE = 256;
const READ_BY_SERVICE = ["image/jpeg", "image/png", "image/webp"];
const CURRENT = "pastiche-photo";

export const photo = signal(/** @type {Photo|null} */ (null));
/** While a photo is being read. */
export const loading = signal(false);
/** Why the last file could not be used. */
export const refusal = signal(/** @type {Problem|null} */ (null));

let newest = 0;

/** Take a file as the photo. @param {Blob} file @param {{name?: string, sample?: string|null, id?: string}} [about] */
export async function take(file, about = {}) {
  const turn = ++newest;
  loading.value = true;
  refusal.value = null;
  try {
    const id = about.id ?? `${Date.now().toString(36)}${turn}`;
    const name = about.name ?? /** @type {File} */ (file).name ?? "photo";
    const sample = about.sample ?? null;
    const read = await readPhoto(file, { id, name, sample });
    if (turn !== newest) return;
    const before = photo.value;
    photo.value = read;
    if (before) URL.revokeObjectURL(before.url);
    sessionStorage.setItem(CURRENT, id);
    if (!about.id) keep(id, { file: read.file, name, sample });
  } catch (error) {
    if (turn === newest) refusal.value = /** @type {Problem} */ (error);
  } finally {
    if (turn === newest) loading.value = false;
  }
}

/** @param {string} sample an id in SAMPLES */
export async function takeSample(sample) {
  loading.value = true;
  try {
    const response = await fetch(address(`web/samples/${sample}.jpg`));
    await take(await response.blob(), { name: `${sample}.jpg`, sample });
  } finally {
    loading.value = false;
  }
}

/** One of this visit, by its id. @returns {Promise<boolean>} whether it is still there */
export async function takeAgain(/** @type {string} */ id) {
  const found = await kept(id);
  if (found) await take(found.file, { name: found.name, sample: found.sample, id });
  return found !== null;
}

/** The photo from before a reload. */
export async function restore() {
  const id = sessionStorage.getItem(CURRENT);
  return id !== null && (await takeAgain(id));
}

export function remove() {
  newest += 1;
  if (photo.value) URL.revokeObjectURL(photo.value.url);
  photo.value = null;
  loading.value = false;
  sessionStorage.removeItem(CURRENT);
}

/** @param {Blob} file @param {{id: string, name: string, sample: string|null}} about @returns {Promise<Photo>} @throws {Problem} */
async function readPhoto(file, about) {
  const sent = await sendable(file);
  const bitmap = await createImageBitmap(sent);
  const [live, small] = await Promise.all([shrunk(bitmap, LIVE_EDGE, 0.9), shrunk(bitmap, SMALL_EDGE, 0.9)]);
  const { width, height } = bitmap;
  bitmap.close();
  return { ...about, file: sent, live, small, url: URL.createObjectURL(sent), width, height };
}

/** The file itself if the service can read it and it is not too large. @param {Blob} file @throws {Problem} */
export async function sendable(file) {
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw await whyNot(file);
  }
  try {
    const small = Math.max(bitmap.width, bitmap.height) <= SENT_EDGE && file.size <= SENT_BYTES;
    return small && READ_BY_SERVICE.includes(file.type) ? file : await shrunk(bitmap, SENT_EDGE, 0.95);
  } finally {
    bitmap.close();
  }
}

/** Ask the service what is wrong with a file that the browser cannot read. @param {Blob} file */
async function whyNot(file) {
  try {
    const styles = (await (await call("v1/styles")).json()).styles;
    await call(`v1/stylize?size=16&styles=${encodeURIComponent(styles[0].id)}`, { method: "POST", body: file });
  } catch (error) {
    if (error instanceof Problem) return error;
    if (isAbort(error)) throw error;
  }
  return new Problem({ slug: "unreadable", detail: "This browser cannot read the file. Use JPEG, PNG or WebP." });
}
