/** The regions on the picture, and where they are drawn: by mouse, pen, finger or keys. */
import { computed, html, signal, useEffect } from "../view.js";
import { styles } from "../state/catalogue.js";
import { brush, pointed, selected, snapping, tool } from "../state/drawing.js";
import { outline, stroke } from "../state/drawn.js";
import { Edges, LiveWire } from "../state/live-wire.js";
import { options } from "../state/options.js";
import { photo } from "../state/photo.js";

/** @typedef {import("../state/live-wire.js").Point} Point */
/** @typedef {import("../state/region.js").Region} Region */

// Of the picture's longer edge, in units of the drawing.
const UNITS = 1000;
// CSS pixels: a press that moves by less sets a corner; so near to the first corner, one closes the outline.
const STILL = 5;
const CLOSE = 14;
// For arrow keys, in fractions of the picture.
const [STEP, LARGE_STEP] = [0.01, 0.05];

/** What is being drawn. */
const line = signal(/** @type {Point[]} */ ([]));
/** Where the keys have come to; null before one was pressed. */
const cursor = signal(/** @type {Point|null} */ (null));
const said = signal("");
/** Set one by one, by clicks or keys; none while an outline is drawn in one go. */
export const corners = signal(0);

let wire = /** @type {LiveWire|null} */ (null);
let edges = /** @type {{photo: string, found: Edges}|null} */ (null);
let press = /** @type {{x: number, y: number, moved: boolean}|null} */ (null);
let first = /** @type {Point|null} */ (null);

const shown = computed(() => options.value.regions.filter(({ id }) => tool.value || id === pointed.value));

/** @param {{size: {width: number, height: number}}} props the photo's */
export function RegionSurface({ size }) {
  useEffect(() => {
    if (tool.value === "lasso") findEdges();
  }, [tool.value, photo.value]);
  const drawing = tool.value !== null;
  if (!drawing && !shown.value.length) return null;
  const longer = Math.max(size.width, size.height);
  const [width, height] = [(UNITS * size.width) / longer, (UNITS * size.height) / longer];
  const areas = shown.value.map((region) => html`<${Area} key=${region.id} ...${{ region, width, height }} />`);
  if (!drawing) return html`<svg class="region-surface" viewBox="0 0 ${width} ${height}" aria-hidden="true">${areas}</svg>`;
  return html`<svg
      class="region-surface drawing"
      viewBox="0 0 ${width} ${height}"
      tabindex="0"
      role="application"
      aria-roledescription="drawing surface"
      aria-label=${tool.value === "lasso" ? "Lasso: arrow keys move, space sets a corner, enter closes the outline" : "Brush: arrow keys move, space begins and ends a stroke"}
      onPointerDown=${onDown}
      onPointerMove=${onMove}
      onPointerUp=${onUp}
      onPointerCancel=${dropLine}
      onKeyDown=${onKey}
    >
      ${areas}<${Line} ...${{ width, height }} /><${Cursor} ...${{ width, height }} />
    </svg>
    <p class="unseen" role="status">${said.value}</p>`;
}

/** @param {{region: Region, width: number, height: number}} props */
function Area({ region, width, height }) {
  const chosen = region.id === selected.value ? "chosen" : "";
  if (region.polygon) return html`<polygon class="region-outline ${chosen}" points=${placed(region.polygon, width, height)} />`;
  const mask = `mask-${region.id}`;
  return html`<mask id=${mask} maskUnits="userSpaceOnUse" x="0" y="0" width=${width} height=${height}>
      ${region.strokes?.map(({ size, erase, points }) => html`<polyline class="brush-line" stroke=${erase ? "#000" : "#fff"} stroke-width=${size * UNITS} points=${dotted(points, width, height)} />`)}
    </mask>
    <rect class="region-tint ${chosen}" width=${width} height=${height} mask="url(#${mask})" />`;
}

/** @param {{width: number, height: number}} props */
function Line({ width, height }) {
  if (!line.value.length) return null;
  if (tool.value === "lasso") return html`<polyline class="region-outline" points=${placed(line.value, width, height)} />`;
  const { size, erase } = brush.value;
  return html`<polyline class="brush-line ${erase ? "erasing" : "painting"}" stroke-width=${size * UNITS} points=${dotted(line.value, width, height)} />`;
}

/** @param {{width: number, height: number}} props */
function Cursor({ width, height }) {
  if (!cursor.value) return null;
  const [x, y] = cursor.value;
  const radius = tool.value === "brush" ? (brush.value.size * UNITS) / 2 : 8;
  return html`<circle class="draw-cursor" cx=${x * width} cy=${y * height} r=${radius} />`;
}

/** @param {Point[]} points @param {number} width @param {number} height */
const placed = (points, width, height) => points.map(([x, y]) => `${x * width},${y * height}`).join(" ");
/** A line of no length has its round ends, too. @param {Point[]} points @param {number} width @param {number} height */
const dotted = (points, width, height) => placed([points[0], ...points], width, height);

/** @param {PointerEvent} event @returns {Point} */
function pointAt(event) {
  const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
  const within = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
  return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
}

/** @param {PointerEvent} event */
function onDown(event) {
  if (event.button !== 0 || press) return;
  event.stopPropagation();
  /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
  cursor.value = null;
  press = { x: event.clientX, y: event.clientY, moved: false };
  if (tool.value === "brush") line.value = [pointAt(event)];
  else if (closes(event)) closeLine();
  else setCorner(pointAt(event));
}

/** Whether the first corner is pressed again. @param {PointerEvent} event */
function closes(event) {
  const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
  const [x, y] = pointAt(event);
  return corners.value >= 3 && first !== null && Math.hypot((x - first[0]) * box.width, (y - first[1]) * box.height) < CLOSE;
}

/** @param {PointerEvent} event */
function onMove(event) {
  if (!press) return;
  event.stopPropagation();
  press.moved ||= Math.hypot(event.clientX - press.x, event.clientY - press.y) >= STILL;
  if (press.moved && line.value.length) follow(pointAt(event));
}

/** @param {PointerEvent} event */
function onUp(event) {
  if (!press) return;
  event.stopPropagation();
  const { moved } = press;
  press = null;
  if (tool.value === "brush") endStroke();
  else if (moved && line.value.length) closeLine();
}

/** @param {Point} point */
function follow(point) {
  if (!wire) line.value = [...line.value, point];
  else {
    wire.add(point);
    line.value = wire.points;
  }
}

/** @param {Point} point */
function setCorner(point) {
  if (!line.value.length) {
    first = point;
    wire = snapping.value && edges?.photo === photo.value?.id ? new LiveWire(edges.found) : null;
  }
  wire?.add(point, true);
  line.value = wire ? wire.points : [...line.value, point];
  corners.value += 1;
  said.value = `${corners.value} ${corners.value === 1 ? "corner" : "corners"}`;
}

/** The outline becomes a region. */
export function closeLine() {
  const points = wire ? wire.closed() : line.value;
  dropLine();
  said.value = outline(points, otherStyle()) ? "A region" : "Too small for a region";
}

function endStroke() {
  const points = line.value;
  dropLine();
  if (points.length) stroke(points, otherStyle());
}

/** What is being drawn is not wanted. */
export function dropLine() {
  line.value = [];
  corners.value = 0;
  press = wire = first = null;
}

/** Neither is the place that the keys have come to. */
export function leave() {
  dropLine();
  cursor.value = null;
}

/** One that shows that it is another one. */
function otherStyle() {
  const { regions, styles: around } = options.value;
  const used = [...around.map(({ id }) => id), ...regions.map(({ style }) => style)];
  return (styles.value.find(({ id }) => !used.includes(id)) ?? styles.value[0])?.id ?? null;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const step = event.shiftKey ? LARGE_STEP : STEP;
  const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
  if (move) moveCursor(move);
  else if (event.key === " ") hit(cursor.value ?? [0.5, 0.5]);
  else if (event.key === "Enter" && tool.value === "lasso" && corners.value >= 3) closeLine();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** @param {number[]} by */
function moveCursor(by) {
  const [x, y] = cursor.value ?? [0.5, 0.5];
  const within = (/** @type {number} */ value) => Math.min(1, Math.max(0, Math.round(value * 1000) / 1000));
  cursor.value = [within(x + by[0]), within(y + by[1])];
  if (tool.value === "brush" && line.value.length) follow(cursor.value);
  said.value = `${Math.round(cursor.value[0] * 100)} % from the left, ${Math.round(cursor.value[1] * 100)} % from the top`;
}

/** Space. @param {Point} point */
function hit(point) {
  cursor.value = point;
  if (tool.value === "lasso") setCorner(point);
  else if (line.value.length) endStroke();
  else line.value = [point];
}

/** Of the small copy of the photo, once. */
async function findEdges() {
  const what = photo.value;
  if (!what || edges?.photo === what.id) return;
  const bitmap = await createImageBitmap(what.live);
  const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(bitmap, 0, 0);
  edges = { photo: what.id, found: new Edges(context.getImageData(0, 0, bitmap.width, bitmap.height)) };
  bitmap.close();
}
