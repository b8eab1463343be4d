/** How large strokes are beside the picture, where the service's `stroke` is relative to the pixel: 1 is what `auto` makes. */

/** @typedef {{width: number, height: number}} Size of a result, in pixels */

// As the service has them: app/imaging/stroke.py.
const AUTO_EDGE = 512;
const AUTO_SHORTER_EDGE = 256;
const [MIN_STROKE, MAX_STROKE] = [0.5, 16];

/** The `stroke` that `auto` stands for. @param {Size} size */
function automatic({ width, height }) {
  const [longer, shorter] = [Math.max(width, height), Math.min(width, height)];
  return longer / Math.min(longer, Math.max(AUTO_EDGE, (AUTO_SHORTER_EDGE * longer) / shorter));
}

/** @param {number|"auto"} stroke @param {Size} size */
export const coarseness = (stroke, size) => (stroke === "auto" ? 1 : stroke / automatic(size));

/** The nearest that the service takes. @param {number} coarse @param {Size} size */
export function strokeFor(coarse, size) {
  const stroke = Math.round(coarse * automatic(size) * 100) / 100;
  return Math.min(MAX_STROKE, Math.max(MIN_STROKE, stroke));
}

/** The same strokes on a result of another size. @param {number|"auto"} stroke @param {Size} before @param {Size} now */
export const restroked = (stroke, before, now) => (stroke === "auto" ? stroke : strokeFor(coarseness(stroke, before), now));
