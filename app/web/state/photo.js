/** The photo to stylize. It is sent with each request, and kept only in this browser. */
import { batch, signal } from "../view.js";
import { keep, kept } from "./keep.js";
import { options, settle } from "./options.js";
import { fitted, shrunk } from "./picture.js";
import { address, call, isAbort, Problem } from "./service.js";
import { restroked } from "./strokes.js";

/**
 * @typedef {{id: string, name: string, sample: string|null, file: Blob, small: Blob, live: Blob, url: string,
 *   smallUrl: string, width: number, height: number, reduced: boolean}} Photo
 *   `file` is sent for paintings, `live` while something is dragged, `small` for previews; `url` shows `file`, `smallUrl`
 *   shows `small`. `reduced`: `file` is not the one that was given, but made of it.
 * @typedef {{edge: number, bytes: number, pixels: number}} Bounds of a file that is sent as it is; larger ones are reduced
 *   to `edge`
 */

export const SAMPLES = [
  { id: "cat", title: "A cat", credit: "Stefan van der Walt" },
  { id: "coffee", title: "A cup of coffee", credit: "Rachel Michetti" },
  { id: "rocket", title: "A rocket", credit: "SpaceX" },
  { id: "astronaut", title: "An astronaut", credit: "NASA" },
];
// The service's defaults, and a little less than what it takes: results of 4096 pixels an edge, bodies of 16 MB.
export const SENT_EDGE = 4096;
const PHOTO = { edge: SENT_EDGE, bytes: 15_000_000, pixels: 60_000_000 };
/** Up to five of these go together. @type {Bounds} */
export const ONE_OF_SEVERAL = { edge: 2048, bytes: 3_000_000, pixels: 60_000_000 };
// Where the service takes less than by default.
const REDUCED = { edge: 2048, bytes: 0, pixels: 0 };
export const LIVE_EDGE = 448;
export const SMALL_EDGE = 256;
const READ_BY_SERVICE = ["image/jpeg", "image/png", "image/webp", "image/avif"];
const CURRENT = "pastiche-photo";

export const photo = signal(/** @type {Photo|null} */ (null));
/** While a photo is being read. */
export const loading = signal(false);
/** Why the last file could not be used. */
export const refusal = signal(/** @type {Problem|null} */ (null));

let newest = 0;

/**
 * Take a file as the photo.
 * @param {Blob} file @param {{name?: string, sample?: string|null, id?: string, reduced?: boolean, bounds?: Bounds}} [about]
 */
export async function take(file, about = {}) {
  const turn = ++newest;
  loading.value = true;
  refusal.value = null;
  try {
    const id = about.id ?? `${Date.now().toString(36)}${turn}`;
    const name = about.name ?? /** @type {File} */ (file).name ?? "photo";
    const sample = about.sample ?? null;
    const read = await readPhoto(file, { id, name, sample, reduced: about.reduced ?? false }, about.bounds ?? PHOTO);
    if (turn !== newest) return;
    const before = photo.value;
    batch(() => {
      if (before && !about.id) keepStrokes(before, read);
      if (before && !about.id && options.value.regions.length) settle({ regions: [] });
      photo.value = read;
    });
    if (before) revoke(before);
    sessionStorage.setItem(CURRENT, id);
    if (!about.id) keep(id, { file: read.file, name, sample, reduced: read.reduced });
  } catch (error) {
    if (turn === newest) refusal.value = /** @type {Problem} */ (error);
  } finally {
    if (turn === newest) loading.value = false;
  }
}

/** @param {Photo} before @param {Photo} now */
function keepStrokes(before, now) {
  const { stroke, size } = options.value;
  if (stroke !== "auto") settle({ stroke: restroked(stroke, resultSize(before, size), resultSize(now, size)) });
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

/** Of a result, before it is there. @param {{width: number, height: number}} what @param {number|null} size as asked for */
export function resultSize(what, size) {
  const longer = Math.max(what.width, what.height);
  const scale = (size ?? Math.min(longer, SENT_EDGE)) / longer;
  return { width: Math.round(what.width * scale), height: Math.round(what.height * scale) };
}

/** One of this visit, by its id. @returns {Promise<boolean>} whether it is still there */
export async function takeAgain(/** @type {string} */ id) {
  const found = await kept(id);
  if (found) await take(found.file, { name: found.name, sample: found.sample, reduced: found.reduced, id });
  return found !== null;
}

/** The photo from before a reload. */
export async function restore() {
  const id = sessionStorage.getItem(CURRENT);
  return id !== null && (await takeAgain(id));
}

export function remove() {
  newest += 1;
  if (photo.value) revoke(photo.value);
  photo.value = null;
  if (options.value.regions.length) settle({ regions: [] });
  loading.value = false;
  sessionStorage.removeItem(CURRENT);
}

/** Send less of the photo, since the service takes less. @param {Photo} what @returns {Promise<boolean>} whether it is less */
export async function sendLess(what) {
  if (Math.max(what.width, what.height) <= REDUCED.edge) return false;
  await take(what.file, { ...what, bounds: REDUCED });
  return photo.value !== what && photo.value?.id === what.id;
}

/**
 * @param {Blob} file @param {{id: string, name: string, sample: string|null, reduced: boolean}} about
 * @param {Bounds} bounds @returns {Promise<Photo>} @throws {Problem}
 */
async function readPhoto(file, about, bounds) {
  const given = await decoded(file);
  try {
    const sent = await within(bounds, file, given);
    const { width, height } = sent === file ? given : fitted(given, bounds.edge);
    const [live, small] = await Promise.all([shrunk(given, LIVE_EDGE, 0.9), shrunk(given, SMALL_EDGE, 0.9)]);
    const urls = { url: URL.createObjectURL(sent), smallUrl: URL.createObjectURL(small) };
    return { ...about, ...urls, file: sent, live, small, width, height, reduced: about.reduced || sent !== file };
  } finally {
    given.close();
  }
}

/** @param {Photo} what */
function revoke({ url, smallUrl }) {
  URL.revokeObjectURL(url);
  URL.revokeObjectURL(smallUrl);
}

/** The file itself if the service can read it and it is within bounds, else made of it. @param {Blob} file @throws {Problem} */
export async function sendable(file) {
  const given = await decoded(file);
  try {
    return await within(ONE_OF_SEVERAL, file, given);
  } finally {
    given.close();
  }
}

/** @param {Bounds} bounds @param {Blob} file @param {ImageBitmap} given */
async function within({ edge, bytes, pixels }, file, given) {
  const small = given.width * given.height <= pixels && file.size <= bytes;
  return small && READ_BY_SERVICE.includes(file.type) ? file : shrunk(given, edge, 0.95);
}

/** @param {Blob} file @returns {Promise<ImageBitmap>} @throws {Problem} */
async function decoded(file) {
  try {
    return await createImageBitmap(file);
  } catch {
    throw await whyNot(file);
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
