/** The styles that the service offers, and the search among them. */
import { computed, effect, signal } from "../view.js";
import { view } from "./address.js";
import { options } from "./options.js";
import { json, Problem, reachable } from "./service.js";

/** @typedef {{id: string, title: string, artist: string|null, year: number|null, model: string}} Style */

export const models = signal(/** @type {string[]} */ ([]));
/** Of the model that is chosen. @type {import("../vendor/signals.js").Signal<Style[]>} */
export const styles = signal([]);
/** Whether that model takes style images of the reader's own. */
export const takesImages = signal(false);
export const state = signal(/** @type {"loading"|"ready"|"failed"} */ ("loading"));
export const problem = signal(/** @type {Problem|null} */ (null));

export const search = signal("");
export const artist = signal("");
export const century = signal("");

export const artists = computed(() => distinct(styles.value.map((style) => style.artist)));
export const centuries = computed(() => distinct(styles.value.map((style) => centuryOf(style.year))));
export const found = computed(() => styles.value.filter(isWanted));

const READY_MILLISECONDS = 2000;

let newest = 0;

/** @param {string|null} model by name or label, null for the service's first */
export async function load(model) {
  const turn = ++newest;
  state.value = "loading";
  try {
    const [listed, ready] = await Promise.all([
      json(`v1/styles${model ? `?model=${encodeURIComponent(model)}` : ""}`),
      readiness(),
    ]);
    if (turn !== newest) return;
    const first = listed.styles[0]?.model;
    styles.value = listed.styles.filter((/** @type {Style} */ style) => style.model === first);
    takesImages.value = listed.style_images === true;
    models.value = ready?.models ?? distinct(listed.styles.map((/** @type {Style} */ style) => style.model));
    problem.value = null;
    state.value = "ready";
    if (!ready) hearOfModels(turn);
  } catch (error) {
    if (turn !== newest) return;
    problem.value = /** @type {Problem} */ (error);
    state.value = "failed";
    const seconds = error instanceof Problem ? error.again : null;
    if (seconds !== null && error.slug !== "unreachable") setTimeout(() => turn === newest && load(model), seconds * 1000);
  }
}

const readiness = () => json("healthz/ready").catch(() => null);

/** From a service that has only just been started, as soon as it is ready. @param {number} turn */
async function hearOfModels(turn) {
  await new Promise((resolve) => setTimeout(resolve, READY_MILLISECONDS));
  const ready = await readiness();
  if (turn !== newest) return;
  if (ready) models.value = ready.models;
  else hearOfModels(turn);
}

/** Follows the model that the options name, and a service that comes back. */
export function follow() {
  let before = /** @type {string|null|undefined} */ (undefined);
  effect(() => {
    const model = options.value.model;
    const back = reachable.value;
    // Other views need no styles, and an operator may have no API key.
    if (view.value !== "paint") return;
    if (model !== before || (back && state.peek() === "failed")) load(model);
    before = model;
  });
}

/** @param {string} id @returns {Style} */
export function styleOf(id) {
  const known = styles.value.find((style) => style.id === id);
  const title = id.startsWith("style:") ? "Your style image" : id.replaceAll("_", " ");
  return known ?? { id, title, artist: null, year: null, model: "" };
}

/** Names of a painting's styles. @param {import("./options.js").Options} how */
export const titleOf = (how) => how.styles.map(({ id }) => styleOf(id).title).join(" + ");

/** @param {number|null} year */
export function centuryOf(year) {
  if (year === null) return null;
  const number = Math.floor((year - 1) / 100) + 1;
  return `${number}${{ 1: "st", 2: "nd", 3: "rd" }[number % 10] ?? "th"} century`.replace(/1[123](st|nd|rd)/, (all) => `${all.slice(0, 2)}th`);
}

/** @param {Style} style */
function isWanted(style) {
  const words = plain(search.value).split(/\s+/).filter(Boolean);
  const about = plain([style.id, style.title, style.artist, style.year].join(" "));
  return (
    words.every((word) => about.includes(word)) &&
    (!artist.value || style.artist === artist.value) &&
    (!century.value || centuryOf(style.year) === century.value)
  );
}

/** Without accents: people type `cezanne`. @param {string} text */
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** @param {(string|null)[]} values @returns {string[]} */
function distinct(values) {
  return [...new Set(values.filter((value) => value !== null))].sort();
}
