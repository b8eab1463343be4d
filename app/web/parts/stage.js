/** The result beside its photo: compare, zoom, pan. */
import { html, signal, useLayoutEffect } from "../view.js";
import { picture } from "../state/sight.js";
import { Icon } from "./icon.js";
import { Pane } from "./pane.js";
import { ZoomButtons } from "./zoom.js";

const MODES = /** @type {const} */ ({ single: "Painting", divider: "Divider", sides: "Side by side" });
const mode = signal(/** @type {keyof typeof MODES} */ ("single"));
const holding = signal(false);
/** @param {boolean} held */
const hold = (held) => (holding.value = held);

/**
 * @param {{photo: string|null, made: string|null, size: {width: number, height: number}, busy: boolean,
 *   tools?: any, over?: any, said?: string, surface?: any, drawing?: boolean}} props
 *   `photo` and `made` are addresses; `size` the painting's; `over` lies over the picture; `said` is read out;
 *   `surface` lies on the picture, which stays whole while there is `drawing` on it
 */
export function Stage({ photo, made, size, busy, tools = null, over = null, said = "", surface = null, drawing = false }) {
  useLayoutEffect(() => {
    picture.value = size;
  }, [size.width, size.height]);
  const comparable = photo !== null && made !== null && !drawing;
  const how = comparable ? mode.value : "single";
  const showing = how === "divider" ? "divider" : how === "single" && holding.value && photo ? "photo" : "painting";
  return html`<section class="stage" aria-label="Picture" aria-busy=${busy}>
    <div class="panes ${how === "sides" ? "two" : ""}">
      ${how === "sides" && html`<${Pane} key="photo" showing="photo" label="Photo" photo=${photo} made=${made} />`}
      <${Pane} key="made" showing=${showing} label=${how === "sides" ? "Painting" : ""} photo=${photo} made=${made} onHold=${comparable && how === "single" ? hold : null} surface=${surface} />
    </div>
    <div class="working" hidden=${!busy}></div>
    ${over}
    <div class="stage-bar" role="toolbar" aria-label="Compare and zoom">
      ${tools}
      <div class="segments" role="group" aria-label="Compare">
        ${Object.entries(MODES).map(
          ([name, title]) => html`<button
            key=${name}
            aria-pressed=${how === name}
            aria-label=${title}
            title=${title}
            disabled=${!comparable && name !== "single"}
            onClick=${() => (mode.value = /** @type {keyof typeof MODES} */ (name))}
          >
            <${Icon} name=${name} /><span>${title}</span>
          </button>`,
        )}
      </div>
      <${HoldButton} disabled=${!comparable || how !== "single"} />
      <${ZoomButtons} />
    </div>
    <p class="unseen" role="status">${said}</p>
  </section>`;
}

/** The photo for as long as it is held. @param {{disabled: boolean}} props */
function HoldButton({ disabled }) {
  const release = () => hold(false);
  /** @param {KeyboardEvent} event */
  const isPress = (event) => event.key === " " || event.key === "Enter";
  return html`<button
    class="quiet hold"
    disabled=${disabled}
    aria-pressed=${holding.value}
    aria-label="Hold for the photo"
    title="Hold to see the photo: this button, or the picture"
    onPointerDown=${(/** @type {PointerEvent} */ event) => {
      /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId);
      hold(true);
    }}
    onPointerUp=${release}
    onPointerCancel=${release}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => isPress(event) && hold(true)}
    onKeyUp=${(/** @type {KeyboardEvent} */ event) => isPress(event) && release()}
    onBlur=${release}
    onContextMenu=${(/** @type {Event} */ event) => event.preventDefault()}
  >
    <${Icon} name="eye" /><span>Photo</span>
  </button>`;
}
