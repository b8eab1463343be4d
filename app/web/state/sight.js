/** Which part of the image is visible, the same in both panes. */
import { computed, signal } from "../view.js";

const MAX_ZOOM = 16;

/** 1: the whole picture fits. */
export const zoom = signal(1);
/** The centre of the view, as a fraction of the image. */
export const centre = signal({ x: 0.5, y: 0.5 });
/** Pixels of a pane. */
export const pane = signal({ width: 1, height: 1 });

/** Size of the result in pixels, also before it exists. */
export const picture = signal({ width: 1, height: 1 });

/** CSS pixels of a picture's pixel when it fits. */
const fitting = computed(() =>
  Math.min(pane.value.width / picture.value.width, pane.value.height / picture.value.height),
);
export const percent = computed(() => Math.round(fitting.value * zoom.value * devicePixelRatio * 100));

/** Where the picture lies in a pane, in CSS pixels. */
export const place = computed(() => {
  const width = picture.value.width * fitting.value * zoom.value;
  const height = picture.value.height * fitting.value * zoom.value;
  return {
    width,
    height,
    left: offset(pane.value.width, width, centre.value.x),
    top: offset(pane.value.height, height, centre.value.y),
  };
});

/** @param {number} room @param {number} size @param {number} middle */
function offset(room, size, middle) {
  if (size <= room) return (room - size) / 2;
  return Math.min(0, Math.max(room - size, room / 2 - middle * size));
}

/** @param {number} factor @param {{x: number, y: number}} [at] a point of the pane that stays where it is */
export function zoomBy(factor, at = { x: pane.value.width / 2, y: pane.value.height / 2 }) {
  const before = place.value;
  const point = { x: (at.x - before.left) / before.width, y: (at.y - before.top) / before.height };
  const exact = 1 / (fitting.value * devicePixelRatio);
  zoom.value = Math.min(Math.max(MAX_ZOOM, 2 * exact), Math.max(Math.min(1, exact), zoom.value * factor));
  const width = picture.value.width * fitting.value * zoom.value;
  const height = picture.value.height * fitting.value * zoom.value;
  look(point.x + (pane.value.width / 2 - at.x) / width, point.y + (pane.value.height / 2 - at.y) / height);
}

/** One pixel of the picture on one of the screen. */
export function actualSize() {
  zoomBy(1 / (fitting.value * devicePixelRatio * zoom.value));
}

export function fit() {
  zoom.value = 1;
  centre.value = { x: 0.5, y: 0.5 };
}

/** By pixels of the pane. @param {number} x @param {number} y */
export function moveBy(x, y) {
  const { width, height, left, top } = place.value;
  look((pane.value.width / 2 - left - x) / width, (pane.value.height / 2 - top - y) / height);
}

/** @param {number} x @param {number} y */
function look(x, y) {
  centre.value = { x: Math.min(1, Math.max(0, x)), y: Math.min(1, Math.max(0, y)) };
}
