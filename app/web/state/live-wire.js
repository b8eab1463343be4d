/** Outlines that follow the edges of a picture: intelligent scissors (Mortensen and Barrett, 1995), on a small one. */

/** @typedef {[number, number]} Point x and y, in fractions of the picture's width and height */

// Pixels of the small picture: so far from what is drawn an edge may be, and so much is drawn until half of the way that
// was found is kept. What follows may still change the other half.
const REACH = 12;
const STRIDE = 24;
// What a step costs on the strongest edge; far from any it costs one more, and as far as an edge may be, this much more.
const [LEAST, FAR] = [0.05, 0.5];
// An edge that is stronger than those of so many pixels is as good as any, unless it is none: a step by 16 of 255 levels.
const [STRONG, WEAKEST] = [0.95, 64];
// Half of the width of a soft edge, in pixels.
const RIDGE = 3;
// Steps on both sides that a point is the mean of.
const SMOOTH = 3;

/** How strong the edges of a picture are, from 0 to 1. */
export class Edges {
  /** @param {ImageData} picture */
  constructor({ data, width, height }) {
    this.width = width;
    this.height = height;
    this.strength = strengths(data, width, height);
  }

  /** The pixel at a point. @param {Point} point @returns {Point} */
  pixel([x, y]) {
    return [clamp(Math.round(x * this.width - 0.5), this.width - 1), clamp(Math.round(y * this.height - 0.5), this.height - 1)];
  }

  /** The middle of a pixel. @param {Point} pixel @returns {Point} */
  point([x, y]) {
    return [(x + 0.5) / this.width, (y + 0.5) / this.height];
  }

  /** The cheapest way from one pixel to another along what is drawn, without the first. @param {Point} from @param {Point} to @param {Point[]} drawn pixels @returns {Point[]} */
  way(from, to, drawn) {
    const along = [from, ...drawn, to];
    const [left, right] = this.#around(along.map(([x]) => x), this.width);
    const [top, bottom] = this.#around(along.map(([, y]) => y), this.height);
    const width = right - left + 1;
    const cost = (/** @type {number} */ place) => {
      const [x, y] = [left + (place % width), top + Math.floor(place / width)];
      return LEAST + (1 - this.strength[y * this.width + x]) ** 2 + FAR * (fromLine([x, y], along) / REACH) ** 2;
    };
    const place = (/** @type {Point} */ [x, y]) => (y - top) * width + x - left;
    const before = cheapest(width, bottom - top + 1, cost, place(from), place(to));
    const way = [];
    for (let at = place(to); at !== place(from); at = before[at]) way.push(/** @type {Point} */ ([left + (at % width), top + Math.floor(at / width)]));
    return way.reverse();
  }

  /** @param {number[]} values @param {number} size @returns {Point} */
  #around(values, size) {
    return [clamp(Math.min(...values) - REACH, size - 1), clamp(Math.max(...values) + REACH, size - 1)];
  }
}

/** An outline while it is drawn, and the edges near it. */
export class LiveWire {
  /** @param {Edges} edges */
  constructor(edges) {
    this.edges = edges;
    /** Pixels that are kept. @type {Point[]} */
    this.kept = [];
    /** What was drawn since. @type {Point[]} */
    this.drawn = [];
  }

  /** @param {Point} point @param {boolean} corner whether it is one, which the outline goes through */
  add(point, corner = false) {
    const pixel = this.edges.pixel(point);
    if (!this.kept.length) {
      this.kept.push(pixel);
      return;
    }
    this.drawn.push(pixel);
    if (!corner && lengthOf([this.#last, ...this.drawn]) < 2 * STRIDE) return;
    const way = this.#way(pixel);
    const taken = corner ? way : way.slice(0, Math.ceil(way.length / 2));
    this.kept.push(...taken);
    // What is drawn beyond the way that is kept.
    const reached = nearest(this.drawn, this.#last);
    this.drawn = corner ? [] : this.drawn.slice(reached + 1);
  }

  /** Until now. @returns {Point[]} */
  get points() {
    const ahead = this.drawn.length ? this.#way(/** @type {Point} */ (this.drawn.at(-1))) : [];
    return this.#smooth([...this.kept, ...ahead]);
  }

  /** With the way back to its beginning. @returns {Point[]} */
  closed() {
    return this.#smooth([...this.kept, ...this.#way(this.kept[0]).slice(0, -1)], true);
  }

  get #last() {
    return /** @type {Point} */ (this.kept.at(-1));
  }

  /** @param {Point} to */
  #way(to) {
    return this.edges.way(this.#last, to, this.drawn);
  }

  /** @param {Point[]} pixels @param {boolean} [closed] @returns {Point[]} */
  #smooth(pixels, closed = false) {
    const count = pixels.length;
    return pixels.map((_, index) => {
      const reach = closed ? SMOOTH : Math.min(SMOOTH, index, count - 1 - index);
      const near = Array.from({ length: 2 * reach + 1 }, (_, step) => pixels[(index + step - reach + count) % count]);
      return this.edges.point(/** @type {Point} */ ([0, 1].map((axis) => near.reduce((sum, pixel) => sum + pixel[axis], 0) / near.length)));
    });
  }
}

/** @param {Point[]} points */
const lengthOf = (points) => points.slice(1).reduce((sum, [x, y], index) => sum + Math.hypot(x - points[index][0], y - points[index][1]), 0);

/** The place of the nearest. @param {Point[]} points @param {Point} to */
function nearest(points, to) {
  const far = points.map(([x, y]) => Math.hypot(x - to[0], y - to[1]));
  return far.indexOf(Math.min(...far));
}

/** The gradient's length (Sobel) in the channel where it is longest, without fine grain. @param {ArrayLike<number>} sharp RGBA @param {number} width @param {number} height */
function strengths(sharp, width, height) {
  const data = softened(softened(sharp, width, height), width, height);
  const found = new Float32Array(width * height);
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++)
      for (let channel = 0; channel < 3; channel++) {
        const at = (/** @type {number} */ dx, /** @type {number} */ dy) => data[4 * ((y + dy) * width + x + dx) + channel];
        const across = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
        const down = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
        found[y * width + x] = Math.max(found[y * width + x], Math.hypot(across, down));
      }
  const strong = Math.max(WEAKEST, found.slice().sort()[Math.floor(STRONG * (found.length - 1))]);
  // On the ridge of a soft edge more than beside it, so that no way cuts a corner within its width.
  return found.map((value, place) => value && Math.min(1, value / strong) * (value / strongestNear(found, place, width, height)) ** 2);
}

/** @param {Float32Array} values @param {number} place @param {number} width @param {number} height */
function strongestNear(values, place, width, height) {
  const [x, y] = [place % width, Math.floor(place / width)];
  let most = 0;
  for (let row = Math.max(0, y - RIDGE); row <= Math.min(height - 1, y + RIDGE); row++)
    for (let column = Math.max(0, x - RIDGE); column <= Math.min(width - 1, x + RIDGE); column++) most = Math.max(most, values[row * width + column]);
  return most;
}

/** The mean of each value and its eight neighbours. @param {ArrayLike<number>} data RGBA @param {number} width @param {number} height */
function softened(data, width, height) {
  const soft = Float32Array.from(data);
  for (let y = 1; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++)
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (let row = y - 1; row <= y + 1; row++)
          for (let column = x - 1; column <= x + 1; column++) sum += data[4 * (row * width + column) + channel];
        soft[4 * (y * width + x) + channel] = sum / 9;
      }
  return soft;
}

/**
 * Dijkstra's algorithm on a grid with diagonals: for each place the one before it.
 * @param {number} width @param {number} height @param {(place: number) => number} cost @param {number} from @param {number} to
 */
function cheapest(width, height, cost, from, to) {
  const total = new Float32Array(width * height).fill(Infinity);
  const before = new Int32Array(width * height).fill(-1);
  const done = new Uint8Array(width * height);
  const costs = new Float32Array(width * height).fill(-1);
  const open = new Heap();
  total[from] = 0;
  open.push(0, from);
  while (open.size) {
    const at = open.pop();
    if (at === to) break;
    if (done[at]) continue;
    done[at] = 1;
    const [x, y] = [at % width, Math.floor(at / width)];
    for (let dy = -1; dy <= 1; dy++)
      for (let dx = -1; dx <= 1; dx++) {
        if ((!dx && !dy) || x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) continue;
        const next = at + dy * width + dx;
        if (costs[next] < 0) costs[next] = cost(next);
        const through = total[at] + costs[next] * (dx && dy ? Math.SQRT2 : 1);
        if (through >= total[next]) continue;
        total[next] = through;
        before[next] = at;
        open.push(through, next);
      }
  }
  return before;
}

/** A binary heap, the least key first. */
class Heap {
  constructor() {
    /** @type {[number, number][]} */
    this.items = [];
  }

  get size() {
    return this.items.length;
  }

  /** @param {number} key @param {number} value */
  push(key, value) {
    const items = this.items;
    let at = items.push([key, value]) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (items[above][0] <= items[at][0]) break;
      [items[above], items[at]] = [items[at], items[above]];
      at = above;
    }
  }

  /** The value of the least key. */
  pop() {
    const items = this.items;
    const [[, value], last] = [items[0], /** @type {[number, number]} */ (items.pop())];
    if (!items.length) return value;
    items[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const below of [2 * at + 1, 2 * at + 2]) if (below < items.length && items[below][0] < items[least][0]) least = below;
      if (least === at) return value;
      [items[least], items[at]] = [items[at], items[least]];
      at = least;
    }
  }
}

/**
 * Fewer points on the same line (Douglas and Peucker, 1973): at most so many.
 * @param {Point[]} points @param {number} most @param {number} [tolerance] in fractions of the picture
 * @returns {Point[]}
 */
export function simplified(points, most, tolerance = 0.0012) {
  const kept = points.filter((_, index) => index === 0 || index === points.length - 1);
  const fewer = points.length < 3 ? kept : between(points, 0, points.length - 1, tolerance).map((index) => points[index]);
  return fewer.length <= most ? fewer : simplified(points, most, 1.5 * tolerance);
}

/** Places that are kept, with both ends. @param {Point[]} points @param {number} first @param {number} last @param {number} tolerance @returns {number[]} */
function between(points, first, last, tolerance) {
  let [far, place] = [0, -1];
  for (let index = first + 1; index < last; index++) {
    const distance = fromStretch(points[index], points[first], points[last]);
    if (distance > far) [far, place] = [distance, index];
  }
  if (far <= tolerance) return [first, last];
  return [...between(points, first, place, tolerance).slice(0, -1), ...between(points, place, last, tolerance)];
}

/** Of a point from a line of several. @param {Point} point @param {Point[]} line */
const fromLine = (point, line) => Math.min(...line.slice(1).map((to, index) => fromStretch(point, line[index], to)));

/** @param {Point} point @param {Point} from @param {Point} to */
function fromStretch([x, y], [fromX, fromY], [toX, toY]) {
  const [dx, dy] = [toX - fromX, toY - fromY];
  const length = dx * dx + dy * dy;
  const along = length ? Math.min(1, Math.max(0, ((x - fromX) * dx + (y - fromY) * dy) / length)) : 0;
  return Math.hypot(x - fromX - along * dx, y - fromY - along * dy);
}

/** @param {number} value @param {number} most */
const clamp = (value, most) => Math.min(most, Math.max(0, value));
