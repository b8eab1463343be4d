/** The painting beside its photo: compared, zoomed, moved. */
import { html, signal } from "../view.js";
import { canRedo, canUndo, redo, undo } from "../state/options.js";
import { busy, again, painting, trouble } from "../state/painter.js";
import { titleOf } from "../state/catalogue.js";
import { Icon } from "./icon.js";
import { Pane } from "./pane.js";
import { ZoomButtons } from "./zoom.js";
import { Trouble } from "./trouble.js";

const MODES = /** @type {const} */ ({ single: "Painting", divider: "Divider", sides: "Side by side" });
const mode = signal(/** @type {keyof typeof MODES} */ ("single"));
const holding = signal(false);

export function Stage() {
  const made = painting.value;
  const sides = mode.value === "sides";
  const showing = mode.value === "single" && holding.value ? "photo" : mode.value === "divider" ? "divider" : "painting";
  return html`<section class="stage" aria-label="Picture" aria-busy=${busy.value}>
    <div class="panes ${sides ? "two" : ""}">
      ${sides && html`<${Pane} showing="photo" label="Photo" />`}
      <${Pane} showing=${sides ? "painting" : showing} label=${sides ? "Painting" : ""} />
    </div>
    <div class="working" hidden=${!busy.value}></div>
    ${trouble.value && html`<${Trouble} ...${trouble.value} onAgain=${again} />`}
    <div class="stage-bar" role="toolbar" aria-label="Compare and zoom">
      <div class="row">
        <button class="quiet" disabled=${!canUndo.value} onClick=${undo} aria-label="Undo" title="Undo (Ctrl+Z)"><${Icon} name="undo" /></button>
        <button class="quiet" disabled=${!canRedo.value} onClick=${redo} aria-label="Redo" title="Redo (Ctrl+Shift+Z)"><${Icon} name="redo" /></button>
      </div>
      <div class="segments" role="group" aria-label="Compare">
        ${Object.entries(MODES).map(
          ([name, title]) => html`<button
            aria-pressed=${mode.value === name}
            aria-label=${title}
            title=${title}
            onClick=${() => (mode.value = /** @type {keyof typeof MODES} */ (name))}
          >
            <${Icon} name=${name} /><span>${title}</span>
          </button>`,
        )}
      </div>
      <${HoldButton} />
      <${ZoomButtons} />
    </div>
    <p class="unseen" role="status">${made && !made.live && !busy.value ? `Painted: ${titleOf(made.options)}` : ""}</p>
  </section>`;
}

/** The photo for as long as it is held. */
function HoldButton() {
  const hold = () => (holding.value = true);
  const release = () => (holding.value = false);
  /** @param {KeyboardEvent} event */
  const isPress = (event) => event.key === " " || event.key === "Enter";
  return html`<button
    class="quiet hold"
    disabled=${mode.value !== "single"}
    aria-pressed=${holding.value}
    title="Hold to see the photo"
    onPointerDown=${(/** @type {PointerEvent} */ event) => {
      /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
      hold();
    }}
    onPointerUp=${release}
    onPointerCancel=${release}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => isPress(event) && hold()}
    onKeyUp=${(/** @type {KeyboardEvent} */ event) => isPress(event) && release()}
    onBlur=${release}
    onContextMenu=${(/** @type {Event} */ event) => event.preventDefault()}
  >
    <${Icon} name="eye" /><span>Hold for the photo</span>
  </button>`;
}
