/** Buttons for the part of the picture that is seen. */
import { html } from "../view.js";
import { actualSize, fit, percent, zoom, zoomBy } from "../state/sight.js";
import { Icon } from "./icon.js";

const STEP = 1.5;

export function ZoomButtons() {
  return html`<div class="row zoom" role="group" aria-label="Zoom">
    <button class="quiet" aria-label="Smaller" onClick=${() => zoomBy(1 / STEP)}><${Icon} name="minus" /></button>
    <button class="quiet percent" title="Show at 100 %" aria-label="Show at 100 %, now ${percent.value} %" onClick=${actualSize}>
      ${percent.value} %
    </button>
    <button class="quiet" aria-label="Larger" onClick=${() => zoomBy(STEP)}><${Icon} name="plus" /></button>
    <button class="quiet" aria-label="Fit" title="Fit" disabled=${zoom.value === 1} onClick=${fit}><${Icon} name="fit" /></button>
  </div>`;
}
