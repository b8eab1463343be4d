/** What the tool in the hand can do, over the picture that it draws on. */
import { html, useEffect, useRef } from "../view.js";
import { brush, layDown, snapping, tool } from "../state/drawing.js";
import { closeLine, corners, dropLine, leave } from "./region-surface.js";
import { Icon } from "./icon.js";
import { Range } from "./slider.js";

const TITLES = { lasso: "Lasso", brush: "Brush" };

export function DrawBar() {
  const held = /** @type {"lasso"|"brush"} */ (tool.value);
  const bar = useRef(/** @type {HTMLElement|null} */ (null));
  useEffect(() => {
    // Where the options are below the picture.
    bar.current?.scrollIntoView({ block: "nearest" });
    addEventListener("keydown", onKey);
    return () => {
      removeEventListener("keydown", onKey);
      leave();
    };
  }, [held]);
  // With the photo or the view it goes, too.
  useEffect(() => layDown, []);
  return html`<div ref=${bar} class="draw-bar" role="toolbar" aria-label=${TITLES[held]}>
    ${held === "lasso" ? html`<${LassoTools} />` : html`<${BrushTools} />`}
    <button class="primary" onClick=${layDown}>Done</button>
  </div>`;
}

function LassoTools() {
  return html`
    <p class="fine soft">Draw around a part, or click its corners.</p>
    <label class="check"><input type="checkbox" checked=${snapping.value} onChange=${(/** @type {any} */ event) => (snapping.value = event.currentTarget.checked)} />Follow edges</label>
    <button disabled=${corners.value < 3} onClick=${closeLine}>Close</button>
  `;
}

function BrushTools() {
  const { size, erase } = brush.value;
  const resize = (/** @type {number} */ to) => (brush.value = { ...brush.value, size: to });
  return html`
    <div class="draw-size">
      <${Range} title="Brush size" ...${{ min: 0.01, max: 0.2, step: 0.005, value: size, said: `${Math.round(size * 100)} %` }} onDrag=${resize} onRest=${resize} />
    </div>
    <div class="segments" role="group" aria-label="What the brush does">
      <button aria-pressed=${!erase} onClick=${() => (brush.value = { size, erase: false })}><${Icon} name="brush" />Paint</button>
      <button aria-pressed=${erase} onClick=${() => (brush.value = { size, erase: true })}>Erase</button>
    </div>
  `;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key !== "Escape") return;
  if (corners.value) dropLine();
  else layDown();
}
