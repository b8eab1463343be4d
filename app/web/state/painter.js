/** Stylizing the photo: one request at a time, the newest wins, and stale ones are aborted. */
import { batch, effect, signal } from "../view.js";
import { remember } from "./history.js";
import { dragging, options, parameters, text } from "./options.js";
import { LIVE_EDGE, photo } from "./photo.js";
import { shown } from "./picture.js";
import { call, isAbort, Problem, reachable } from "./service.js";

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
    show(await request(wanted, flight.controller.signal));
  } catch (error) {
    if (!isAbort(error) && !waiting) fail(error);
  } finally {
    flight = null;
    busy.value = waiting !== null;
    next();
  }
}

/** @param {Wanted} wanted @param {AbortSignal} signal @returns {Promise<Painting>} */
async function request(wanted, signal) {
  const began = performance.now();
  const how = parameters(wanted.options);
  if (wanted.live) {
    how.set("size", String(Math.min(LIVE_EDGE, wanted.options.size ?? LIVE_EDGE)));
    how.set("format", "jpeg");
  }
  const body = wanted.live ? wanted.photo.live : wanted.photo.file;
  const headers = { "Content-Type": body.type || "application/octet-stream" };
  const response = await call(`v1/stylize?${how}`, { method: "POST", body, headers, signal });
  const blob = await response.blob();
  const milliseconds = performance.now() - began;
  const url = URL.createObjectURL(blob);
  const size = await shown(url);
  signal.throwIfAborted();
  return { ...wanted, ...size, url, blob, milliseconds, model: response.headers.get("Pastiche-Model") ?? "" };
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

/** @param {unknown} error */
function fail(error) {
  const problem =
    error instanceof Problem ? error : new Problem({ slug: "unreadable", detail: "The response is not an image." });
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
