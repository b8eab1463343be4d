/** The reader's jobs: their ids are kept in this browser, their state is polled. */
import { computed, effect, signal } from "../view.js";
import { go } from "./address.js";
import { keepForJob, keptForJob, unkeepForJob } from "./keep.js";
import { call, isAbort, json, Problem, reachable } from "./service.js";
import { shown, thumbnail } from "./picture.js";

/**
 * @typedef {"any"|"video"} JobView where a job is shown
 * @typedef {{id: string, name: string, photo: string|null, style: string|null, at: number, view?: JobView}} Known
 *   thumbnails as `data:` addresses; without a `view`, it is kept since before there were two
 * @typedef {any} Job as `GET /v1/jobs/{id}` has it
 */

const STORED = "pastiche-jobs";
const MAX_JOBS = 40;
const THUMBNAIL_EDGE = 128;
// Not an event stream for each tab: browsers open six connections to a service, all tabs together.
const POLL_MILLISECONDS = 1000;
const ENDED = ["done", "failed", "cancelled"];

export const known = signal(/** @type {Known[]} */ (stored()));
export const selected = signal(/** @type {string|null} */ (null));
/** By id, as last heard. */
export const heard = signal(/** @type {Record<string, Job>} */ ({}));
/** Jobs that the service has deleted. */
export const gone = signal(/** @type {Set<string>} */ (new Set()));
/** The selected job's image: its result, or its newest preview. */
export const picture = signal(/** @type {{job: string, version: string, url: string, blob: Blob, width: number, height: number, final: boolean}|null} */ (null));
/** What the selected job was given: a photo or a clip. */
export const original = signal(/** @type {{url: string, type: string}|null} */ (null));
export const problem = signal(/** @type {Problem|null} */ (null));

export const current = computed(() => (selected.value ? heard.value[selected.value] ?? null : null));

/** @param {Job|null|undefined} job */
export const hasEnded = (job) => ENDED.includes(job?.status);

/** @returns {Known[]} */
function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORED) ?? "[]");
  } catch {
    return [];
  }
}

/** @param {Known[]} jobs */
function store(jobs) {
  known.value = jobs.slice(0, MAX_JOBS);
  try {
    localStorage.setItem(STORED, JSON.stringify(known.value));
  } catch {
    // Full: they are there until the tab is closed.
  }
}

/**
 * Remember a job that has been made, and select it.
 * @param {Job} made @param {{name: string, photo: Blob, poster?: Blob|null, style: Blob|null, view: JobView}} about
 *   `photo`: what it is made of; `poster`: a picture of that, where it is none itself
 */
export async function adopt(made, { name, photo, poster = photo, style, view }) {
  hear(made);
  await keepForJob(made.id, photo);
  const pictures = await Promise.all([poster, style].map((blob) => blob && thumbnail(blob, THUMBNAIL_EDGE)));
  store([{ id: made.id, name, photo: pictures[0], style: pictures[1], at: Date.now(), view }, ...known.value]);
  selected.value = made.id;
}

/** Where a job is shown; null while that is not known. @param {string} id @returns {JobView|null} */
function viewOf(id) {
  const about = known.value.find((job) => job.id === id);
  if (about) return about.view ?? "any";
  const job = heard.value[id];
  return job ? (job.kind === "video" ? "video" : "any") : null;
}

/** @param {string} id */
export function open(id) {
  selected.value = id;
  go(viewOf(id) ?? "any");
}

/** Cancels a job that waits or runs. @param {string} id */
export async function cancel(id) {
  await attempt(async () => hear(await json(`v1/jobs/${id}`, { method: "DELETE" })));
}

/** Deletes a job that has ended, and forgets it. @param {string} id */
export async function forget(id) {
  await attempt(async () => {
    if (hasEnded(heard.value[id])) await call(`v1/jobs/${id}`, { method: "DELETE" });
    drop(id);
  });
}

/** @param {string} id */
function drop(id) {
  store(known.value.filter((job) => job.id !== id));
  unkeepForJob(id);
  if (selected.value === id) selected.value = null;
}

/** @param {() => Promise<void>} act */
async function attempt(act) {
  problem.value = null;
  try {
    await act();
  } catch (error) {
    problem.value = /** @type {Problem} */ (error);
  }
}

/** @param {Job} job */
function hear(job) {
  heard.value = { ...heard.value, [job.id]: job };
}

/** Look after the jobs for as long as the view is open. @param {JobView} view @returns {() => void} to stop */
export function follow(view) {
  if (selected.value && (viewOf(selected.value) ?? view) !== view) selected.value = null;
  let over = false;
  let timer = 0;
  const look = async () => {
    if (!document.hidden && reachable.peek()) await Promise.all(wanted().map(ask));
    if (!over) timer = setTimeout(look, POLL_MILLISECONDS);
  };
  look();
  const stopPictures = effect(() => {
    const job = current.value;
    if (job) showPicture(job);
    else if (selected.value !== picture.peek()?.job) clearPicture();
  });
  const stopOriginals = effect(() => showOriginal(selected.value));
  // A link may lead to a job that belongs elsewhere, which is known when the service has told what it is.
  const stopViews = effect(() => {
    const right = selected.value && viewOf(selected.value);
    if (right && right !== view) go(right);
  });
  /** @param {StorageEvent} event */
  const onStorage = (event) => event.key === STORED && (known.value = stored());
  addEventListener("storage", onStorage);
  return () => {
    over = true;
    clearTimeout(timer);
    stopPictures();
    stopOriginals();
    stopViews();
    removeEventListener("storage", onStorage);
  };
}

/** Ids of jobs whose state may have changed. */
function wanted() {
  const ids = new Set(known.peek().map(({ id }) => id));
  if (selected.peek()) ids.add(/** @type {string} */ (selected.peek()));
  return [...ids].filter((id) => !hasEnded(heard.peek()[id]) && !gone.peek().has(id));
}

/** @param {string} id */
async function ask(id) {
  try {
    hear(await json(`v1/jobs/${id}`));
  } catch (error) {
    if (error instanceof Problem && error.status === 404) gone.value = new Set([...gone.value, id]);
  }
}

/** @param {Job} job */
async function showPicture(job) {
  const final = job.links.result !== null;
  const path = final ? "result" : job.links.preview ? "preview" : null;
  const version = final ? "final" : `${job.attempt} ${job.progress}`;
  const before = picture.peek();
  if (before?.job !== job.id) clearPicture();
  if (path === null || (before?.job === job.id && (before.final || before.version === version))) return;
  try {
    const blob = await (await call(`v1/jobs/${job.id}/${path}`)).blob();
    const url = URL.createObjectURL(blob);
    const size = blob.type.startsWith("video/") ? { width: job.facts.width, height: job.facts.height } : await shown(url);
    const now = picture.peek();
    if (selected.peek() !== job.id || (now?.job === job.id && now.final)) return URL.revokeObjectURL(url);
    clearPicture();
    picture.value = { job: job.id, version, url, blob, ...size, final };
  } catch (error) {
    // The next look asks again; a result that has expired says so.
    if (final && error instanceof Problem && !isAbort(error)) problem.value = error;
  }
}

function clearPicture() {
  const before = picture.peek();
  if (before) URL.revokeObjectURL(before.url);
  picture.value = null;
}

/** @param {string|null} id */
async function showOriginal(id) {
  const before = original.peek();
  if (before) URL.revokeObjectURL(before.url);
  original.value = null;
  const found = id && (await keptForJob(id));
  if (found && selected.peek() === id) original.value = { url: URL.createObjectURL(found.file), type: found.file.type };
}
