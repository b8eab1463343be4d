/** What a brush has painted, as the image that the service takes: white where a region is. */
import { fitted } from "./picture.js";

/**
 * @typedef {import("./live-wire.js").Point} Point
 * @typedef {{size: number, erase: boolean, points: Point[]}} Stroke `size` in fractions of the picture's longer edge
 */

const EDGE = 1024;
// The service's own: app/imaging/polygon.py.
const DEVIATIONS = 4;

/** @param {Stroke[]} strokes @param {number} feather as of polygons @param {{width: number, height: number}} size the photo's @returns {Promise<Blob>} PNG */
export async function maskOf(strokes, feather, size) {
  const canvas = Object.assign(document.createElement("canvas"), fitted(size, EDGE));
  const { width, height } = canvas;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.fillRect(0, 0, width, height);
  Object.assign(context, { lineCap: "round", lineJoin: "round" });
  for (const stroke of strokes) draw(context, stroke, width, height);
  const drawn = context.getImageData(0, 0, width, height);
  context.putImageData(softened(drawn, (feather * Math.max(width, height)) / DEVIATIONS), 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no PNG"))), "image/png");
  });
}

/** @param {CanvasRenderingContext2D} context @param {Stroke} stroke @param {number} width @param {number} height */
function draw(context, { size, erase, points }, width, height) {
  context.strokeStyle = erase ? "#000" : "#fff";
  context.lineWidth = size * Math.max(width, height);
  context.beginPath();
  // A line of no length has its round ends, too.
  for (const [x, y] of [points[0], ...points]) context.lineTo(x * width, y * height);
  context.stroke();
}

/** About a Gaussian: three means over boxes, since not every browser has `filter`. @param {ImageData} image gray @param {number} deviation in pixels */
function softened(image, deviation) {
  const { data, width, height } = image;
  const radius = Math.round((Math.sqrt(4 * deviation ** 2 + 1) - 1) / 2);
  if (!radius) return image;
  let [values, other] = [Float32Array.from({ length: width * height }, (_, place) => data[4 * place]), new Float32Array(width * height)];
  for (let pass = 0; pass < 3; pass++) {
    for (let y = 0; y < height; y++) means(values, other, y * width, 1, width, radius);
    for (let x = 0; x < width; x++) means(other, values, x, width, height, radius);
  }
  values.forEach((value, place) => data.fill(Math.round(value), 4 * place, 4 * place + 3));
  return image;
}

/**
 * Of each value along a line with those around it; beyond the ends, the last ones go on.
 * @param {Float32Array} from @param {Float32Array} to @param {number} start @param {number} step @param {number} count @param {number} radius
 */
function means(from, to, start, step, count, radius) {
  const at = (/** @type {number} */ place) => from[start + step * Math.min(count - 1, Math.max(0, place))];
  let sum = 0;
  for (let place = -radius; place <= radius; place++) sum += at(place);
  for (let place = 0; place < count; place++) {
    to[start + step * place] = sum / (2 * radius + 1);
    sum += at(place + radius + 1) - at(place - radius);
  }
}
