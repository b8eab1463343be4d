/** A number that is dragged: small paintings while it moves, a full one when it rests. */
import { html } from "../view.js";
import { drag, options, settle } from "../state/options.js";

/**
 * @param {{name: "strength"|"boldness"|"stroke"|"quality", title: string, min: number, max: number, step: number,
 *   say: (value: number) => string, live?: boolean}} props
 */
export function Slider({ name, title, min, max, step, say, live = true }) {
  const value = Number(options.value[name]);
  return html`<${Range}
    ...${{ title, min, max, step, value }}
    said=${say(value)}
    onDrag=${(/** @type {number} */ to) => live && drag({ [name]: to })}
    onRest=${(/** @type {number} */ to) => settle({ [name]: to })}
  />`;
}

/**
 * @param {{title: string, min: number, max: number, step: number, value: number, said: string, reset?: any,
 *   label?: string, onDrag: (to: number) => void, onRest: (to: number) => void}} props `reset`: shown beside the value; `label`: of the
 *   field, where the title is too short for one
 */
export function Range({ title, min, max, step, value, said, reset = null, label = title, onDrag, onRest }) {
  return html`<div class="slider">
    <span class="slider-title">${title}</span>
    <span class="slider-end">${reset}<span class="slider-value" aria-hidden="true">${said}</span></span>
    <input
      type="range"
      min=${min}
      max=${max}
      step=${step}
      value=${value}
      aria-label=${label}
      aria-valuetext=${said}
      style=${{ "--part": String(Math.min(1, Math.max(0, (value - min) / (max - min)))) }}
      onInput=${(/** @type {any} */ event) => onDrag(Number(event.currentTarget.value))}
      onChange=${(/** @type {any} */ event) => onRest(Number(event.currentTarget.value))}
    />
  </div>`;
}
