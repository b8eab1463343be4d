/** A number that is dragged: small paintings while it moves, a full one when it rests. */
import { html } from "../view.js";
import { drag, options, settle } from "../state/options.js";

/**
 * @param {{name: "strength"|"stroke"|"quality", title: string, min: number, max: number, step: number,
 *   say: (value: number) => string, live?: boolean}} props
 */
export function Slider({ name, title, min, max, step, say, live = true }) {
  const given = options.value[name];
  const value = given === "auto" ? 1 : given;
  const said = given === "auto" ? "Automatic" : say(given);
  /** @param {{currentTarget: HTMLInputElement}} event */
  const onInput = ({ currentTarget }) => live && drag({ [name]: Number(currentTarget.value) });
  /** @param {{currentTarget: HTMLInputElement}} event */
  const onChange = ({ currentTarget }) => settle({ [name]: Number(currentTarget.value) });
  const part = (value - min) / (max - min);
  return html`<div class="slider">
    <span class="slider-title">${title}</span><span class="slider-value" aria-hidden="true">${said}</span>
    <input
      type="range"
      min=${min}
      max=${max}
      step=${step}
      value=${value}
      aria-label=${title}
      aria-valuetext=${said}
      style=${{ "--part": String(part) }}
      onInput=${onInput}
      onChange=${onChange}
    />
  </div>`;
}
