/** This photo in every style, small: a few requests at a time, which the service batches. */
import { effect, signal } from "../view.js";
import { options } from "./options.js";
import { photo, SMALL_EDGE } from "./photo.js";
import { call, isAbort, Problem, reachable } from "./service.js";

const AT_ONCE = 4;

/** @typedef {import("../vendor/signals.js").Signal<string|null>} Preview its address, null until it is loaded */

/** @type {Map<string, Preview>} */
const previews = new Map();
/** @type {string[]} */
let wanted = [];
/** Requests in flight. @type {Set<string>} */
let running = new Set();
let round = new AbortController();
let paused = 0;

/** @param {string} style @returns {Preview} */
export function previewOf(style) {
  let preview = previews.get(style);
  if (!preview) previews.set(style, (preview = signal(null)));
  return preview;
}

/** Queue the preview. @param {string} style */
export function want(style) {
  if (previewOf(style).value !== null || wanted.includes(style) || running.has(style)) return;
  wanted.push(style);
  work();
}

/** The tile is out of view; drop its preview if it has not been requested. @param {string} style */
export function unwant(style) {
  wanted = wanted.filter((other) => other !== style);
}

/** Paint it again, since it stands for something else now. @param {string} style */
export function renew(style) {
  const preview = previewOf(style);
  if (preview.value) URL.revokeObjectURL(preview.value);
  preview.value = null;
  if (visible.has(style)) want(style);
}

/** Forget everything when the photo or the model changes, and go on when the service comes back. */
export function follow() {
  let before = "";
  effect(() => {
    const now = `${photo.value?.id} ${options.value.model}`;
    if (now !== before) startAgain();
    before = now;
  });
  effect(() => {
    if (reachable.value) work();
  });
}

function startAgain() {
  round.abort();
  round = new AbortController();
  running = new Set();
  const seen = [...previews.keys()];
  for (const preview of previews.values()) {
    if (preview.value) URL.revokeObjectURL(preview.value);
    preview.value = null;
  }
  // There is no new event for tiles that stay in view.
  wanted = [...new Set([...wanted, ...seen.filter((style) => visible.has(style))])];
  work();
}

/** Styles whose tiles are in view. @type {Set<string>} */
export const visible = new Set();

function work() {
  while (photo.peek() && reachable.peek() && Date.now() >= paused && running.size < AT_ONCE && wanted.length) {
    begin(/** @type {string} */ (wanted.shift()));
  }
}

/** @param {string} style */
async function begin(style) {
  const mine = round;
  running.add(style);
  try {
    const url = await paint(style, mine.signal);
    if (mine.signal.aborted) URL.revokeObjectURL(url);
    else previewOf(style).value = url;
  } catch (error) {
    if (!isAbort(error) && mine === round) postpone(style, error);
  } finally {
    if (mine === round) {
      running.delete(style);
      work();
    }
  }
}

/** @param {string} style @param {AbortSignal} signal */
async function paint(style, signal) {
  const { small } = /** @type {import("./photo.js").Photo} */ (photo.peek());
  const query = new URLSearchParams({ styles: style, size: String(SMALL_EDGE), quality: "82" });
  const model = options.peek().model;
  if (model) query.set("model", model);
  const response = await call(`v1/stylize?${query}`, {
    method: "POST",
    body: small,
    headers: { "Content-Type": "image/jpeg" },
    signal,
  });
  return URL.createObjectURL(await response.blob());
}

/** @param {string} style @param {unknown} error */
function postpone(style, error) {
  const seconds = error instanceof Problem ? error.again : null;
  if (seconds === null) return;
  wanted.unshift(style);
  if (/** @type {Problem} */ (error).slug === "unreachable") return;
  paused = Date.now() + seconds * 1000;
  setTimeout(work, seconds * 1000 + 10);
}
