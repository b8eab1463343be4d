/** How to paint: the options of `POST /v1/stylize`, with undo, and as text in the page's address. */
import { computed, signal } from "../view.js";
import { readRegions } from "./region.js";

/**
 * @typedef {{id: string, weight: number}} Share a style in a blend
 * @typedef {{styles: Share[], strength: number, boldness: number, color: "style"|"keep"|"match", stroke: number|"auto", size: number|null,
 *   format: string, quality: number, model: string|null, regions: import("./region.js").Region[]}} Options
 */

export const FORMATS = ["jpeg", "png", "webp", "avif"];
export const MAX_STYLES = 4;
const COLOURS = /** @type {const} */ (["style", "keep", "match"]);
const DEFAULTS = { strength: 1, boldness: 0, color: "style", stroke: "auto", size: null, format: "jpeg", quality: 90, model: null };
const MAX_STEPS = 100;

/** @type {import("../vendor/signals.js").Signal<Options>} */
export const options = signal({ styles: [], regions: [], ...DEFAULTS });
/** While a slider or the pad is dragged: results are small then, and nothing is kept for undo. */
export const dragging = signal(false);

const past = signal(/** @type {Options[]} */ ([]));
const future = signal(/** @type {Options[]} */ ([]));
let settled = options.value;
export const canUndo = computed(() => past.value.length > 0);
export const canRedo = computed(() => future.value.length > 0);

/** @param {Partial<Options>} change */
export function drag(change) {
  dragging.value = true;
  options.value = { ...options.value, ...change };
}

/** The end of a drag, or a choice. @param {Partial<Options>} [change] */
export function settle(change = {}) {
  const next = { ...options.value, ...change };
  dragging.value = false;
  if (text(next) !== text(settled) && settled.styles.length) {
    past.value = [...past.value.slice(-MAX_STEPS), settled];
    future.value = [];
  }
  settled = next;
  options.value = next;
}

export function undo() {
  step(past, future);
}

export function redo() {
  step(future, past);
}

/** @param {typeof past} from @param {typeof past} to */
function step(from, to) {
  const next = from.value.at(-1);
  if (!next) return;
  from.value = from.value.slice(0, -1);
  to.value = [...to.value, settled];
  settled = next;
  dragging.value = false;
  options.value = next;
}

/** `starry_night:0.7,great_wave:0.3`. @param {Share[]} styles */
export function blendText(styles) {
  const shares = styles.filter((share) => share.weight > 0);
  if (shares.length === 1) return shares[0].id;
  const sum = shares.reduce((total, share) => total + share.weight, 0);
  return shares.map((share) => `${share.id}:${round(share.weight / sum)}`).join(",");
}

/** Never 0: the service takes positive weights only. @param {number} share */
const round = (share) => Math.max(0.001, Math.round(share * 1000) / 1000);

/** What the service is asked for, without regions; defaults are left out. @param {Options} wanted */
export function parameters(wanted) {
  const given = new URLSearchParams({ styles: blendText(wanted.styles) });
  for (const [name, standard] of Object.entries(DEFAULTS)) {
    const value = wanted[/** @type {keyof Options} */ (name)];
    if (value !== standard && value !== null) given.set(name, String(value));
  }
  if (wanted.format === "png") given.delete("quality");
  return given;
}

/** All of them. @param {Options} wanted */
export function text(wanted) {
  const given = parameters(wanted);
  if (wanted.regions.length) given.set("regions", JSON.stringify(wanted.regions));
  return query(given);
}

/** @param {URLSearchParams} given */
export const query = (given) => given.toString().replaceAll("%3A", ":").replaceAll("%2C", ",");

/** Options as an address has them; invalid ones are ignored. @param {URLSearchParams} given @returns {Options} */
export function read(given) {
  return {
    styles: readBlend(given.get("styles") ?? ""),
    strength: within(given.get("strength"), 0, 1, DEFAULTS.strength),
    boldness: within(given.get("boldness"), 0, 1, DEFAULTS.boldness),
    color: COLOURS.find((color) => color === given.get("color")) ?? "style",
    stroke: within(given.get("stroke"), 0.5, 16, 0) || "auto",
    size: given.has("size") ? Math.round(within(given.get("size"), 16, 65536, 1024)) : null,
    format: FORMATS.includes(given.get("format") ?? "") ? String(given.get("format")) : DEFAULTS.format,
    quality: Math.round(within(given.get("quality"), 1, 100, DEFAULTS.quality)),
    model: given.get("model"),
    regions: readRegions(given.get("regions")),
  };
}

/** @param {string} blend @returns {Share[]} */
function readBlend(blend) {
  return blend
    .split(",")
    .map((part) => /^\s*(style:\w+|[^:]+?)\s*(?::([\d.]+))?$/.exec(part))
    .filter((found) => found !== null)
    .map((found) => ({ id: found[1], weight: found[2] === undefined ? 1 : Number(found[2]) || 0 }))
    .filter((share) => share.weight > 0)
    .slice(0, MAX_STYLES);
}

/** @param {string|null} value @param {number} least @param {number} most @param {number} standard */
function within(value, least, most, standard) {
  const number = value === null || value === "" ? NaN : Number(value);
  return Number.isFinite(number) ? Math.min(most, Math.max(least, number)) : standard;
}
