/** Whose colours the result has. */
import { html } from "../view.js";

/** @typedef {"style"|"keep"|"match"} Colours as the service's option `color` */

const CHOICES = /** @type {const} */ ([
  ["style", "Style", "Of the style"],
  ["keep", "Photo", "Of the photo"],
  ["match", "Palette", "The photo’s palette"],
]);

/** @param {{chosen: Colours, onChoose: (colours: Colours) => void, id?: string}} props `id`: of its title */
export function ColourChoice({ chosen, onChoose, id = "colour-title" }) {
  return html`<div class="choice">
    <span id=${id}>Colours</span>
    <div class="segments" role="group" aria-labelledby=${id}>
      ${CHOICES.map(
        ([value, short, name]) =>
          html`<button key=${value} type="button" title=${name} aria-label=${name} aria-pressed=${chosen === value} onClick=${() => onChoose(value)}>${short}</button>`,
      )}
    </div>
  </div>`;
}
