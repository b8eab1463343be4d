/** Stylizing the photo: one request at a time, the newest wins, and stale ones are aborted. */
import { batch, effect, signal } from "../view.js";
import { remember } from "./history.js";
import { dragging, options, parameters, text } from "./options.js";
import { LIVE_EDGE, photo, resultSize, sendLess } from "./photo.js";
import { fitted, shown } from "./picture.js";
import { call, isAbort, Problem, reachable } from "./service.js";
import { restroked } from "./strokes.js";

/**
 * @typedef {import("./options.js").Options} Options
 * @typedef {import("./photo.js").Photo} Photo
 * @typedef {{photo: Photo, options: Options, live: boolean}} Wanted
 * @typedef {{url: string, blob: Blob, width: number, height: number, photo: Photo, options: Options, live: boolean,
 *   model: string, milliseconds: number}} Painting
 */

/** The newest result; a small one while something is dragged. */
export const painting = signal(/** @type {Painting|null} */ (null));
export const busy = signal(false);
/** Why the newest request failed, and when it is retried (milliseconds since 1970). */
export const trouble = signal(/** @type {{problem: Problem, at: number|null}|null} */ (null));

/** @type {{controller: AbortController, live: boolean}|null} */
let flight = null;
/** @type {Wanted|null} */
let waiting = null;
/** @type {Wanted|null} */
let tried = null;
let timer = 0;

// A result of a megapixel takes some tenths of a second.
const LONG_PIXELS = 1_000_000;

/** Paint whatever the photo and the options are, from now on. */
export function follow() {
  let before = "";
  effect(() => {
    const [what, how, live] = [photo.value, options.value, dragging.value];
    if (!what) return clear();
    if (!how.styles.length) return;
    const now = `${what.id} ${live} ${text(how)}`;
    if (now !== before) paint({ photo: what, options: how, live });
    before = now;
  });
  effect(() => {
    if (reachable.value && trouble.peek()?.problem.slug === "unreachable") again();
  });
}

/** @param {Wanted} wanted */
function paint(wanted) {
  clearTimeout(timer);
  waiting = wanted;
  // During a drag, a request finishes before the next is sent, or nothing would be seen under load.
  if (flight && !(flight.live && wanted.live)) flight.controller.abort();
  next();
}

/** Retry the failed request. */
export function again() {
  if (tried) paint(tried);
}

async function next() {
  if (flight || !waiting) return;
  const wanted = waiting;
  waiting = null;
  tried = wanted;
  flight = { controller: new AbortController(), live: wanted.live };
  busy.value = true;
  try {
    if (isLong(wanted)) show(await request({ ...wanted, live: true }, flight.controller.signal));
    show(await request(wanted, flight.controller.signal));
  } catch (error) {
    if (!isAbort(error) && !waiting) await fail(error, wanted);
  } finally {
    flight = null;
    busy.value = waiting !== null;
    next();
  }
}

/** Whether a small painting is worth showing first, which is there at once. @param {Wanted} wanted */
function isLong({ photo: what, options: how, live }) {
  const { width, height } = resultSize(what, how.size);
  if (live || width * height < LONG_PIXELS) return false;
  const seen = painting.value;
  return seen?.photo !== what || text(seen.options) !== text(how);
}

/** @param {Wanted} wanted @param {AbortSignal} signal @returns {Promise<Painting>} */
async function request(wanted, signal) {
  const began = performance.now();
  const how = parameters(wanted.options);
  if (wanted.live) for (const [name, value] of Object.entries(smaller(wanted))) how.set(name, value);
  const { path, ...message } = await messageOf(wanted, how);
  const response = await call(path, { method: "POST", signal, ...message });
  const blob = await response.blob();
  const milliseconds = performance.now() - began;
  const url = URL.createObjectURL(blob);
  const size = await shown(url);
  signal.throwIfAborted();
  return { ...wanted, ...size, url, blob, milliseconds, model: response.headers.get("Pastiche-Model") ?? "" };
}

/** The photo itself with the options beside it, or a form where there are regions. @param {Wanted} wanted @param {URLSearchParams} how */
async function messageOf({ photo: what, options: { regions }, live }, how) {
  const file = live ? what.live : what.file;
  if (!regions.length) return { path: `v1/stylize?${how}`, body: file, headers: { "Content-Type": file.type || "application/octet-stream" } };
  const { asked, masks } = await import("./region-form.js");
  const body = new FormData();
  body.set("image", file, "photo");
  for (const [name, value] of how) body.set(name, value);
  body.set("regions", JSON.stringify(asked(regions)));
  for (const { name, blob } of await masks(regions, what)) body.append("region_mask", blob, name);
  return { path: "v1/stylize", body };
}

/** The same, small: its strokes as large beside the picture. @param {Wanted} wanted */
function smaller({ photo: what, options: how }) {
  const whole = resultSize(what, how.size);
  const seen = fitted(whole, LIVE_EDGE);
  return { size: String(Math.max(seen.width, seen.height)), stroke: String(restroked(how.stroke, whole, seen)), format: "jpeg" };
}

/** @param {Painting} made */
function show(made) {
  const before = painting.value;
  batch(() => {
    painting.value = made;
    trouble.value = null;
  });
  if (before) URL.revokeObjectURL(before.url);
  if (!made.live) remember(made);
}

/** @param {unknown} error @param {Wanted} wanted */
async function fail(error, wanted) {
  const problem =
    error instanceof Problem ? error : new Problem({ slug: "unreadable", detail: "The response is not an image." });
  if (problem.status === 413 && (await sendLess(wanted.photo))) {
    waiting ??= { ...wanted, photo: /** @type {Photo} */ (photo.value) };
    return;
  }
  const seconds = problem.again;
  trouble.value = { problem, at: seconds === null ? null : Date.now() + seconds * 1000 };
  // An unreachable service is polled already.
  if (seconds !== null && problem.slug !== "unreachable") timer = setTimeout(again, seconds * 1000);
}

function clear() {
  clearTimeout(timer);
  waiting = null;
  tried = null;
  flight?.controller.abort();
  if (painting.peek()) URL.revokeObjectURL(painting.peek().url);
  batch(() => {
    painting.value = null;
    trouble.value = null;
  });
}
