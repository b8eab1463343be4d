/** One look at the picture: the painting, the photo, or both on the sides of a divider. */
import { html, signal, useEffect, useRef } from "../view.js";
import { moveBy, pane, place, zoom, zoomBy } from "../state/sight.js";

/** @typedef {(held: boolean) => void} Hold */

const KEY_STEP = 40;
// Longer than a click, and than the beginning of a scroll.
const HOLD_MILLISECONDS = 180;
/** The divider's place, in parts of the picture's width. */
const split = signal(0.5);

/**
 * @param {{showing: "photo"|"painting"|"divider", label: string, photo: string|null, made: string|null, onHold?: Hold|null, surface?: any}} props
 *   `photo` and `made` are addresses of pictures; `onHold` is told while a picture that fits is held; `surface` lies on it
 */
export function Pane({ showing, label, photo, made, onHold = null, surface = null }) {
  const room = useRef(/** @type {HTMLElement|null} */ (null));
  const holding = useRef(/** @type {Hold|null} */ (null));
  holding.current = onHold;
  useEffect(() => listen(/** @type {HTMLElement} */ (room.current), (held) => holding.current?.(held)), []);
  const { width, height, left, top } = place.value;
  const where = { width: `${width}px`, height: `${height}px`, transform: `translate(${left}px, ${top}px)` };
  const corner = { left: `${Math.max(0, left)}px`, bottom: `${Math.max(0, pane.value.height - top - height)}px` };
  const cut = showing === "divider" ? { clipPath: `inset(0 0 0 ${split.value * 100}%)` } : {};
  return html`<div
    ref=${room}
    class="pane ${zoom.value > 1 ? "zoomed" : ""}"
    tabindex="0"
    role="group"
    aria-label="${label || "Picture"}; arrow keys move it, plus and minus zoom"
    onKeyDown=${onKey}
  >
    <div class="sheet" style=${where}>
      ${photo && html`<img src=${photo} alt="The photo" draggable=${false} class=${made || showing === "photo" ? "" : "waiting"} />`}
      ${made && showing !== "photo" && html`<img src=${made} alt="The painting" draggable=${false} style=${cut} />`}
      ${surface}
    </div>
    ${showing === "divider" && made && html`<${Divider} room=${room} />`}
    ${label && html`<span class="pane-label" style=${corner}>${label}</span>`}
  </div>`;
}

/** @param {{room: {current: HTMLElement|null}}} props */
function Divider({ room }) {
  const { left, top, width, height } = place.value;
  /** @param {PointerEvent} event */
  function onMove(event) {
    if (!(event.buttons & 1)) return;
    const box = /** @type {HTMLElement} */ (room.current).getBoundingClientRect();
    put((event.clientX - box.left - left) / width);
  }
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    put(split.value + step);
  }
  return html`<div
    class="divider"
    role="slider"
    tabindex="0"
    aria-label="Divider: photo on the left, painting on the right"
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${Math.round(split.value * 100)}
    style=${{ transform: `translate(${left + split.value * width}px, ${Math.max(0, top)}px)`, height: `${Math.min(height, pane.value.height)}px` }}
    onPointerDown=${(/** @type {PointerEvent} */ event) => {
      event.stopPropagation();
      /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
    }}
    onPointerMove=${onMove}
    onKeyDown=${onKey}
  ></div>`;
}

/** @param {number} part */
function put(part) {
  split.value = Math.min(1, Math.max(0, part));
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (moves) moveBy(moves[0] * KEY_STEP, moves[1] * KEY_STEP);
  else if (event.key === "+" || event.key === "=") zoomBy(1.25);
  else if (event.key === "-") zoomBy(0.8);
  else return;
  event.preventDefault();
}

/** Wheel, drag, hold and pinch, and the pane's size. @param {HTMLElement} element @param {Hold} onHold */
function listen(element, onHold) {
  const measure = new ResizeObserver(() => {
    // One that is on its way out has no size, and the other pane's is still right.
    if (element.clientWidth) pane.value = { width: element.clientWidth, height: Math.max(1, element.clientHeight) };
  });
  measure.observe(element);
  /** @type {Map<number, {x: number, y: number}>} */
  const pointers = new Map();
  let timer = 0;
  const letGo = () => {
    clearTimeout(timer);
    onHold(false);
  };
  /** @param {{clientX: number, clientY: number}} event */
  const inside = ({ clientX, clientY }) => {
    const box = element.getBoundingClientRect();
    return { x: clientX - box.left, y: clientY - box.top };
  };
  /** @param {WheelEvent} event */
  const onWheel = (event) => {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), inside(event));
  };
  /** @param {PointerEvent} event */
  const onDown = (event) => {
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, inside(event));
    letGo();
    if (pointers.size === 1 && event.button === 0 && zoom.value <= 1) timer = setTimeout(() => onHold(true), HOLD_MILLISECONDS);
  };
  /** @param {PointerEvent} event */
  const onMove = (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = inside(event);
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) zoomBy(distance(now, other) / Math.max(1, distance(before, other)), middle(now, other));
    else moveBy(now.x - before.x, now.y - before.y);
    pointers.set(event.pointerId, now);
  };
  /** @param {PointerEvent} event */
  const onUp = (event) => {
    pointers.delete(event.pointerId);
    letGo();
  };
  // Where holding a picture would open the browser's menu for it.
  /** @param {any} event */
  const onMenu = (event) => event.pointerType === "touch" && event.preventDefault();
  element.addEventListener("wheel", onWheel, { passive: false });
  element.addEventListener("pointerdown", onDown);
  element.addEventListener("pointermove", onMove);
  element.addEventListener("pointerup", onUp);
  element.addEventListener("pointercancel", onUp);
  element.addEventListener("contextmenu", onMenu);
  return () => measure.disconnect();
}

/** @typedef {{x: number, y: number}} Point */
/** @param {Point} one @param {Point} other */
const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);
/** @param {Point} one @param {Point} other */
const middle = (one, other) => ({ x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 });
