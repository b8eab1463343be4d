/** The clip to stylize, how it is to be painted, and how far its upload is. */
import { signal } from "../view.js";
import { styleOf, styles } from "./catalogue.js";
import { OrderKey } from "./idempotency.js";
import { adopt } from "./jobs.js";
import { keep, kept } from "./keep.js";
import { blendText } from "./options.js";
import { drawn } from "./picture.js";
import { call, isAbort, json, Problem } from "./service.js";
import { uploading } from "./upload.js";

/**
 * @typedef {{id: string, name: string, file: Blob, url: string, poster: Blob|null, about: string}} Clip
 *   `poster`: a frame of it, null where this browser cannot play it; `about`: its size and length in words
 * @typedef {{styles: import("./options.js").Share[], stylesEnd: string, strength: number, color: "style"|"keep"|"match",
 *   steady: boolean, size: number|null, format: string}} Wishes options of `POST /v1/videos`; `stylesEnd`: "" for none
 */

export const ACCEPTED = "video/*,.mkv,.mov,image/gif,image/webp";
export const FORMATS = { mp4: "MP4 (H.264)", webm: "WebM (VP9)", gif: "GIF", webp: "Animated WebP" };
export const SIZES = [384, 512, 640, 854, 1280, 1920];
const CURRENT = "pastiche-clip";
const POSTER_EDGE = 640;
// A frame that a clip opens with is often black.
const POSTER_SECONDS = 0.1;

export const clip = signal(/** @type {Clip|null} */ (null));
export const loading = signal(false);
/** @type {import("../vendor/signals.js").Signal<Wishes>} */
export const wishes = signal({ styles: [], stylesEnd: "", strength: 1, color: "style", steady: true, size: null, format: "mp4" });
/** How much of the clip has been sent, 0 to 1; null while none is. */
export const sent = signal(/** @type {number|null} */ (null));
export const problem = signal(/** @type {Problem|null} */ (null));

const key = new OrderKey();
let newest = 0;
let flight = new AbortController();

/** @param {Partial<Wishes>} change */
export function change(change) {
  wishes.value = { ...wishes.value, ...change };
}

/** Take a file as the clip; the service will say whether it is one. @param {File|Blob} file @param {{id?: string, name?: string}} [again] */
export async function bring(file, again = {}) {
  const turn = ++newest;
  problem.value = null;
  loading.value = true;
  const id = again.id ?? `clip-${Date.now().toString(36)}${turn}`;
  const name = again.name ?? /** @type {File} */ (file).name ?? "clip";
  const url = URL.createObjectURL(file);
  const { poster, about } = await (file.type.startsWith("image/") ? seenAsImage(file) : seenAsFilm(url));
  if (turn !== newest) return URL.revokeObjectURL(url);
  if (clip.value) URL.revokeObjectURL(clip.value.url);
  clip.value = { id, name, file, url, poster, about };
  loading.value = false;
  sessionStorage.setItem(CURRENT, id);
  if (!again.id) keep(id, { file, name, sample: null, reduced: false });
}

/** The clip from before a reload. */
export async function restore() {
  const id = sessionStorage.getItem(CURRENT);
  const found = id && !clip.value && (await kept(id));
  if (found && !clip.value) await bring(found.file, { id, name: found.name });
}

const UNSEEN = { poster: null, about: "This browser cannot play it; the service may be able to read it." };

/** @param {Blob} file */
async function seenAsImage(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const seen = { poster: await asJpeg(drawn(bitmap, bitmap, POSTER_EDGE)), about: `${bitmap.width} × ${bitmap.height}` };
    bitmap.close();
    return seen;
  } catch {
    return UNSEEN;
  }
}

/** @param {string} url */
async function seenAsFilm(url) {
  const film = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto" });
  const happened = (/** @type {string} */ name) =>
    new Promise((resolve, reject) => {
      film.addEventListener(name, resolve, { once: true });
      film.addEventListener("error", reject, { once: true });
    });
  try {
    const loaded = happened("loadeddata");
    film.src = url;
    await loaded;
    const size = { width: film.videoWidth, height: film.videoHeight };
    if (!size.width) return UNSEEN; // sound alone
    const there = happened("seeked");
    film.currentTime = Math.min(POSTER_SECONDS, film.duration / 2 || 0);
    await there;
    const length = Number.isFinite(film.duration) ? `, ${film.duration.toFixed(1)} s` : "";
    return { poster: await asJpeg(drawn(film, size, POSTER_EDGE)), about: `${size.width} × ${size.height}${length}` };
  } catch {
    return UNSEEN;
  } finally {
    film.removeAttribute("src");
    film.load();
  }
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob|null>} */
const asJpeg = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.85));

/** What the service is asked for; defaults are left out. @param {Wishes} wanted */
export function parameters({ styles, stylesEnd, strength, color, steady, size, format }) {
  const given = new URLSearchParams({ styles: blendText(styles) });
  if (stylesEnd) given.set("styles_end", stylesEnd);
  if (strength !== 1) given.set("strength", String(strength));
  if (color !== "style") given.set("color", color);
  if (!steady) given.set("steady", "false");
  if (size) given.set("size", String(size));
  if (format !== "mp4") given.set("format", format);
  return given;
}

/** @param {Wishes} wanted */
export const text = (wanted) => parameters(wanted).toString().replaceAll("%3A", ":").replaceAll("%2C", ",");

/** Upload the clip, and follow the job that is made of it. */
export async function send() {
  const what = clip.value;
  const how = wishes.value;
  if (!what || !how.styles.length || sent.value !== null) return;
  problem.value = null;
  sent.value = 0;
  flight = new AbortController();
  try {
    const made = await json(`v1/videos?${text(how)}`, {
      method: "POST",
      body: what.file,
      headers: { "Content-Type": typeOf(what.file), "Idempotency-Key": key.for([what.id, text(how)]) },
      signal: flight.signal,
      send: uploading((part) => sent.value !== null && (sent.value = part)),
    });
    key.spend();
    await adopt(made, { name: titleOf(how), photo: what.file, poster: what.poster, style: await pictureOf(how), view: "video" });
  } catch (error) {
    if (!isAbort(error)) problem.value = /** @type {Problem} */ (error);
  } finally {
    sent.value = null;
  }
}

/** End an upload. */
export const stop = () => flight.abort();

/** @param {Blob} file */
export const typeOf = (file) => file.type || "application/octet-stream";

/** @param {Wishes} wanted */
function titleOf({ styles: shares, stylesEnd }) {
  const first = shares.map(({ id }) => styleOf(id).title).join(" + ");
  return stylesEnd ? `${first} → ${styleOf(stylesEnd).title}` : first;
}

/** The example of the first style. @param {Wishes} wanted @returns {Promise<Blob|null>} */
async function pictureOf({ styles: [{ id }] }) {
  const { model } = styleOf(id);
  const query = model ? `?model=${encodeURIComponent(model)}` : "";
  try {
    return await (await call(`v1/styles/${encodeURIComponent(id)}/preview${query}`)).blob();
  } catch {
    return null; // a list without it is as good
  }
}

/** A style to begin with, where there is none. @param {import("./options.js").Share[]} others those of the other views */
export function chooseFirst(others) {
  if (wishes.value.styles.length || !styles.value.length) return;
  const known = others.filter(({ id }) => styles.value.some((style) => style.id === id));
  change({ styles: known.length ? known : [{ id: styles.value[0].id, weight: 1 }] });
}
