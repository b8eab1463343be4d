/** Up to four styles on a pad: where its point lies is how much of each there is. */
import { html, useEffect, useRef } from "../view.js";
import { drag, dragging, options, settle } from "../state/options.js";
import { previewOf, want } from "../state/previews.js";
import { styleOf } from "../state/catalogue.js";
import { photo } from "../state/photo.js";
import { toggled } from "./gallery.js";
import { Icon } from "./icon.js";
import { corners, pointOf, weightsAt } from "../state/pad.js";

const STEP = 0.05;

export function Blend() {
  const shares = options.value.styles;
  if (shares.length < 2) return null;
  return html`<section class="group blend" aria-label="Blend">
    <${Pad} />
    <ul class="shares" role="list">
      ${shares.map(
        (share) => html`<li key=${share.id}>
          <span class="share-title">${styleOf(share.id).title}</span>
          <span class="share-weight">${percentOf(share.weight, shares)} %</span>
          <button class="quiet" aria-label="Remove ${styleOf(share.id).title} from the blend" onClick=${() => settle({ styles: toggled(shares, share.id) })}>
            <${Icon} name="close" />
          </button>
        </li>`,
      )}
    </ul>
  </section>`;
}

function Pad() {
  const field = useRef(/** @type {HTMLElement|null} */ (null));
  const shares = options.value.styles;
  const point = pointOf(shares.map(({ weight }) => weight));
  const where = corners(shares.length);
  // Their tiles may be out of sight.
  useEffect(() => shares.forEach(({ id }) => want(id)), [shares, photo.value]);

  /** @param {{x: number, y: number}} to */
  const at = (to) => {
    const weights = weightsAt(to, shares.length);
    return { styles: shares.map((share, index) => ({ ...share, weight: weights[index] })) };
  };
  /** @param {PointerEvent} event */
  const follow = (event) => {
    const box = /** @type {HTMLElement} */ (field.current).getBoundingClientRect();
    drag(at({ x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height }));
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const move = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!move) return;
    event.preventDefault();
    drag(at({ x: point.x + move[0], y: point.y + move[1] }));
  };
  return html`<div class="pad pad-${shares.length}">
    <div
      ref=${field}
      class="pad-field"
      onPointerDown=${(/** @type {PointerEvent} */ event) => {
        /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
        follow(event);
      }}
      onPointerMove=${(/** @type {PointerEvent} */ event) => event.buttons & 1 && dragging.value && follow(event)}
      onPointerUp=${() => settle()}
      onPointerCancel=${() => settle()}
    >
      ${shares.map(
        ({ id }, index) => html`<img key=${id} class="pad-style" src=${previewOf(id).value ?? undefined} alt="" draggable=${false} style=${placed(where[index])} />`,
      )}
      <div
        class="pad-point"
        role="slider"
        tabindex="0"
        aria-label="Blend; arrow keys move it"
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${Math.round(point.x * 100)}
        aria-valuetext=${shares.map((share) => `${styleOf(share.id).title} ${percentOf(share.weight, shares)} %`).join(", ")}
        style=${placed(point)}
        onKeyDown=${onKey}
        onKeyUp=${() => dragging.value && settle()}
        onBlur=${() => dragging.value && settle()}
      ></div>
    </div>
  </div>`;
}

/** @param {{x: number, y: number}} point */
const placed = ({ x, y }) => ({ left: `${x * 100}%`, top: `${y * 100}%` });

/** @param {number} weight @param {import("../state/options.js").Share[]} shares */
function percentOf(weight, shares) {
  return Math.round((100 * weight) / shares.reduce((sum, share) => sum + share.weight, 0));
}
