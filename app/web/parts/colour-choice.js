/** Whose colours the result has. */
import { html } from "../view.js";

/** @typedef {"style"|"keep"|"match"} Colours as the service's option `color` */

const CHOICES = /** @type {const} */ ([
  ["style", "Style", "Of the style"],
  ["keep", "Photo", "Of the photo"],
  ["match", "Palette", "The photo’s palette"],
]);

/** @param {{chosen: Colours, onChoose: (colours: Colours) => void}} props */
export function ColourChoice({ chosen, onChoose }) {
  return html`<div class="choice">
    <span id="colour-title">Colours</span>
    <div class="segments" role="group" aria-labelledby="colour-title">
      ${CHOICES.map(
        ([value, short, name]) =>
          html`<button key=${value} type="button" title=${name} aria-label=${name} aria-pressed=${chosen === value} onClick=${() => onChoose(value)}>${short}</button>`,
      )}
    </div>
  </div>`;
}
