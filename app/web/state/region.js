/** A part of the photo that is painted in another way than the rest. */

/**
 * @typedef {import("./live-wire.js").Point} Point
 * @typedef {import("./mask.js").Stroke} Stroke
 * @typedef {{id: string, polygon?: Point[], strokes?: Stroke[], feather: number, style: string|null, strength: number,
 *   color: "style"|"keep"|"match"}} Region
 *   within `polygon`, or where `strokes` are; `style`: null for that of the rest
 */

// The service's: app/engine/region.py. Fewer points are enough for what a hand draws.
export const MAX_REGIONS = 8;
export const MAX_POINTS = 300;
const MAX_STROKES = 200;
const MAX_FEATHER = 0.1;
const COLOURS = ["style", "keep", "match"];

/** From an address; what is not valid is left out. @param {string|null} text @returns {Region[]} */
export function readRegions(text) {
  try {
    return JSON.parse(text ?? "[]").slice(0, MAX_REGIONS).map(checked).filter(Boolean);
  } catch {
    return [];
  }
}

/** @param {any} given @param {number} place @returns {Region|null} */
function checked(given, place) {
  const area = given.strokes ? { strokes: strokesOf(given.strokes) } : { polygon: pointsOf(given.polygon) };
  if ((area.polygon && area.polygon.length < 3) || area.strokes?.length === 0) return null;
  return {
    id: String(given.id ?? place).replace(/\W/g, "").slice(0, 16),
    ...area,
    feather: within(given.feather, MAX_FEATHER, 0.01),
    style: typeof given.style === "string" ? given.style.slice(0, 100) : null,
    strength: within(given.strength, 1, 1),
    color: COLOURS.includes(given.color) ? given.color : "style",
  };
}

/** @param {any} given @returns {Stroke[]} */
const strokesOf = (given) =>
  given
    .slice(0, MAX_STROKES)
    .map((/** @type {any} */ { size, erase, points }) => ({ size: within(size, 0.5, 0.05), erase: erase === true, points: pointsOf(points) }))
    .filter((/** @type {Stroke} */ { points }) => points.length);

/** @param {any} given @returns {Point[]} */
const pointsOf = (given) => given.slice(0, MAX_POINTS).map((/** @type {any} */ [x, y]) => [within(x, 1, 0), within(y, 1, 0)]);

/** @param {unknown} value @param {number} most @param {number} standard */
function within(value, most, standard) {
  return typeof value === "number" && Number.isFinite(value) ? Math.min(most, Math.max(0, value)) : standard;
}
