/** The reader's own style images: stylizing with them at once through their handles, and having them refined. */
import { computed, effect, signal } from "../view.js";
import { go } from "./address.js";
import { state, takesImages } from "./catalogue.js";
import { options, settle } from "./options.js";
import { routes } from "./openapi.js";
import { again } from "./painter.js";
import { sendable } from "./photo.js";
import { renew } from "./previews.js";
import { call, json, Problem } from "./service.js";

/** @typedef {{id: string, title: string, image: {stage: "encoded"|"refining"|"refined", refinement: string|null}}} Own */

const REFINE_SECONDS = 20;
const LOOK_MILLISECONDS = 1000;

/** Whether the service has the route, where the view asks for routes. */
export const possible = computed(() => routes.value?.has("POST /v1/styles") ?? false);
/** Newest first, of the model that is chosen. */
export const own = signal(/** @type {Own[]} */ ([]));
/** The jobs that refine them, or did last, by their handles. */
export const refinements = signal(/** @type {Record<string, any>} */ ({}));
export const sending = signal(false);
export const problem = signal(/** @type {Problem|null} */ (null));

/**
 * Get a handle for the style image, which can be used like a style's id, and stylize with it.
 * @param {import("./chosen.js").StyleImage} image
 * @throws {Problem}
 */
export async function paintWith(image) {
  settle({ styles: [{ id: await send(image.file), weight: 1 }] });
  go("paint");
}

/** The same for a file as it was dropped. @param {File} file */
export async function bring(file) {
  if (sending.value) return;
  sending.value = true;
  await attempt(async () => settle({ styles: [{ id: await send(await sendable(file)), weight: 1 }] }));
  sending.value = false;
}

/** @param {Blob} file @returns {Promise<string>} its handle */
async function send(file) {
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  const made = await json(`v1/styles${ofModel()}`, { method: "POST", body: file, headers });
  own.value = [made, ...own.value.filter(({ id }) => id !== made.id)];
  return made.id;
}

async function load() {
  try {
    own.value = (await json(`v1/styles${ofModel({ own: "true" })}`)).styles;
  } catch {
    own.value = []; // they are not needed to paint
  }
}

/** The image as the service keeps it. @param {string} id @returns {Promise<File>} @throws {Problem} */
export async function imageOf(id) {
  const blob = await (await call(`v1/styles/${id}/thumbnail`)).blob();
  return new File([blob], "Your style image", { type: blob.type });
}

/** Have a job make it better. @param {string} id */
export const refine = (id) =>
  attempt(async () => {
    const seconds = String(REFINE_SECONDS);
    hear(id, await json(`v1/styles/${id}/refinement${ofModel({ seconds })}`, { method: "POST" }));
    await look(id);
  });

/** @param {string} id */
export const forget = (id) =>
  attempt(async () => {
    await call(`v1/styles/${id}`, { method: "DELETE" });
    own.value = own.value.filter((image) => image.id !== id);
    const regions = options.value.regions.map((region) => (region.style === id ? { ...region, style: null } : region));
    settle({ styles: options.value.styles.filter((share) => share.id !== id), regions });
  });

/** Those that were brought before, whenever the styles are read. */
export function follow() {
  effect(() => void (state.value === "ready" && takesImages.value && load()));
}

/** Look after one for as long as it is shown. @param {string} id @returns {() => void} to stop */
export function watch(id) {
  const timer = setInterval(() => {
    if (!document.hidden && stageOf(id) === "refining") look(id).catch(() => {}); // the next look asks again
  }, LOOK_MILLISECONDS);
  look(id).catch(() => {}); // an unknown one is said where it cannot be painted with
  return () => clearInterval(timer);
}

/** @param {string} id */
export const stageOf = (id) => own.value.find((image) => image.id === id)?.image.stage ?? null;

/** @param {string} id */
async function look(id) {
  const before = stageOf(id);
  const now = await json(`v1/styles/${id}${ofModel()}`);
  const job = now.image.refinement?.split("/").at(-1);
  if (job) hear(id, await json(`v1/jobs/${job}`));
  const known = own.peek().some((image) => image.id === id);
  own.value = known ? own.peek().map((image) => (image.id === id ? now : image)) : [now, ...own.peek()];
  const painted = options.peek().styles.some((share) => share.id === id);
  if (before !== "refining" || now.image.stage !== "refined") return;
  renew(id);
  if (painted) again();
}

/** @param {string} id @param {any} job */
function hear(id, job) {
  refinements.value = { ...refinements.value, [id]: job };
}

/** @param {Record<string, string>} [given] */
function ofModel(given = {}) {
  const model = options.peek().model;
  const query = new URLSearchParams(model ? { ...given, model } : given).toString();
  return query && `?${query}`;
}

/** @param {() => Promise<void>} act */
async function attempt(act) {
  problem.value = null;
  try {
    await act();
  } catch (error) {
    problem.value = error instanceof Problem ? error : new Problem({ slug: "unreadable", detail: "The image cannot be read." });
  }
}
