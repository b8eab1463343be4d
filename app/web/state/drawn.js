/** What was drawn: regions made, changed and removed. */
import { computed } from "../view.js";
import { brush, layDown, selected } from "./drawing.js";
import { simplified } from "./live-wire.js";
import { drag, options, settle } from "./options.js";
import { MAX_POINTS, MAX_REGIONS } from "./region.js";

/** @typedef {import("./region.js").Region} Region */
/** @typedef {import("./live-wire.js").Point} Point */

export const isFull = computed(() => options.value.regions.length >= MAX_REGIONS);

const FEATHER = 0.01;
// Of the picture's area: less was no outline.
const LEAST_AREA = 0.0002;

/** The end of an outline. @param {Point[]} points @param {string|null} style of the region @returns {boolean} whether it is one */
export function outline(points, style) {
  const polygon = simplified(points, MAX_POINTS).map(rounded);
  if (isFull.value || polygon.length < 3 || area(polygon) < LEAST_AREA) return false;
  add({ polygon }, style);
  layDown();
  return true;
}

/** The end of a stroke. @param {Point[]} points @param {string|null} style of the region, if it is its first */
export function stroke(points, style) {
  const made = { ...brush.value, points: simplified(points, MAX_POINTS).map(rounded) };
  const region = options.value.regions.find(({ id, strokes }) => id === selected.value && strokes);
  if (region) change(region.id, { strokes: [.../** @type {any[]} */ (region.strokes), made] });
  else if (!isFull.value && !made.erase) add({ strokes: [made] }, style);
}

/** @param {Pick<Region, "polygon"|"strokes">} area @param {string|null} style */
function add(area, style) {
  const id = `${Date.now().toString(36)}${options.value.regions.length}`;
  selected.value = id;
  settle({ regions: [...options.value.regions, { id, ...area, feather: FEATHER, style, strength: 1, color: "style" }] });
}

/** @param {string} id @param {Partial<Region>} to @param {boolean} [resting] whether it is the end of a drag, or a choice */
export function change(id, to, resting = true) {
  const regions = options.value.regions.map((region) => (region.id === id ? { ...region, ...to } : region));
  if (resting) settle({ regions });
  else drag({ regions });
}

/** @param {string} id */
export function discard(id) {
  settle({ regions: options.value.regions.filter((region) => region.id !== id) });
}

/** @param {Point} point @returns {Point} */
const rounded = ([x, y]) => [Math.round(x * 1e4) / 1e4, Math.round(y * 1e4) / 1e4];

/** Of a polygon, in fractions of the picture's (the shoelace formula). @param {Point[]} polygon */
function area(polygon) {
  const twice = polygon.reduce((sum, [x, y], index) => {
    const [nextX, nextY] = polygon[(index + 1) % polygon.length];
    return sum + x * nextY - nextX * y;
  }, 0);
  return Math.abs(twice) / 2;
}
