/** Geometry of the blend pad: a line, a triangle or a square, in a field of 1 x 1. */

/** @typedef {{x: number, y: number}} Point */

/** @param {number} count of styles, 2 to 4 @returns {Point[]} */
export function corners(count) {
  if (count === 2) return [{ x: 0, y: 0.5 }, { x: 1, y: 0.5 }];
  if (count === 3) return [{ x: 0.5, y: 0 }, { x: 0, y: 1 }, { x: 1, y: 1 }];
  return [{ x: 0, y: 0 }, { x: 1, y: 0 }, { x: 0, y: 1 }, { x: 1, y: 1 }];
}

/** How much of each style there is at a point. Outside of the figure, at the nearest that makes sense. @param {Point} point @param {number} count @returns {number[]} */
export function weightsAt(point, count) {
  const x = Math.min(1, Math.max(0, point.x));
  const y = Math.min(1, Math.max(0, point.y));
  if (count === 2) return [1 - x, x];
  if (count === 4) return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];
  // Barycentric for the triangle of `corners(3)`; a negative share is none.
  const shares = [1 - y, y / 2 - (x - 0.5), y / 2 + (x - 0.5)].map((share) => Math.max(0, share));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}

/** Where a blend lies: the centre of gravity of its corners. @param {number[]} weights @returns {Point} */
export function pointOf(weights) {
  const sum = weights.reduce((total, weight) => total + weight, 0) || 1;
  const where = corners(weights.length);
  return weights.reduce(
    (point, weight, index) => ({ x: point.x + (where[index].x * weight) / sum, y: point.y + (where[index].y * weight) / sum }),
    { x: 0, y: 0 },
  );
}
