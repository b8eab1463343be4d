/** The view to paint in: gallery, picture, options. */
import { html, useEffect, useSignalEffect } from "../view.js";
import { state, styles, takesImages, titleOf } from "../state/catalogue.js";
import { canRedo, canUndo, options, redo, settle, undo } from "../state/options.js";
import { again, busy, painting, trouble } from "../state/painter.js";
import { photo, loading, refusal, resultSize } from "../state/photo.js";
import { pointed, tool } from "../state/drawing.js";
import { Camera, takingPhoto } from "./camera.js";
import { Gallery } from "./gallery.js";
import { Icon } from "./icon.js";
import { hovering } from "./inlet.js";
import { later } from "./later.js";
import { Panel } from "./panel.js";
import { Stage } from "./stage.js";
import { Start } from "./start.js";
import { Trouble } from "./trouble.js";

const DrawBar = later(async () => (await import("./draw-bar.js")).DrawBar);
const RegionSurface = later(async () => (await import("./region-surface.js")).RegionSurface);

export function Paint() {
  useSignalEffect(chooseFirst);
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return html`
    ${photo.value
      ? html`<div class="workspace">
          <${Gallery} />
          <div class="middle">
            ${refusal.value &&
            html`<${Trouble} problem=${refusal.value} onClose=${() => (refusal.value = null)} />`}
            ${tool.value && html`<${DrawBar} />`}
            <${PaintStage} />
          </div>
          <${Panel} />
        </div>`
      : html`<${Start} />`}
    ${(hovering.value || loading.value) && html`<${DropHere} />`}
    ${takingPhoto.value && html`<${Camera} />`}
    <p class="unseen" role="status">${loading.value ? "Reading the photo" : ""}</p>
  `;
}

/** Over the page: where dragged files may be dropped, or that one is being read. */
function DropHere() {
  if (!hovering.value) return html`<div class="drop-here late" aria-hidden="true"><span>Reading the photo…</span></div>`;
  const beside = photo.value !== null && takesImages.value;
  return html`<div class="drop-here ${beside ? "two" : ""}" aria-hidden="true">
    ${beside && html`<span>Drop a style image</span>`}
    <span>Drop the photo</span>
  </div>`;
}

// A small photo is enlarged, since strokes are finer than its pixels.
const SMALL_EDGE = 768;
const ENLARGED_EDGE = 1024;

function PaintStage() {
  const [what, how] = [photo.value, options.value];
  const made = painting.value?.photo.id === what?.id ? painting.value : null;
  const said = made && !made.live && !busy.value ? `Painted: ${titleOf(made.options)}` : "";
  return html`<${Stage}
    photo=${what?.url ?? null}
    made=${made?.url ?? null}
    size=${made && !made.live ? made : resultSize(what ?? { width: 1, height: 1 }, how.size)}
    busy=${busy.value}
    said=${said}
    over=${trouble.value && trouble.value.problem.slug !== "unreachable" && html`<${Trouble} ...${trouble.value} onAgain=${again} />`}
    tools=${html`<${UndoButtons} />`}
    surface=${what && (tool.value || pointed.value) && html`<${RegionSurface} size=${what} />`}
    drawing=${tool.value !== null}
  />`;
}

function UndoButtons() {
  return html`<div class="row undo">
    <button class="quiet" disabled=${!canUndo.value} onClick=${undo} aria-label="Undo" title="Undo (Ctrl+Z)"><${Icon} name="undo" /></button>
    <button class="quiet" disabled=${!canRedo.value} onClick=${redo} aria-label="Redo" title="Redo (Ctrl+Shift+Z)"><${Icon} name="redo" /></button>
  </div>`;
}

/** Undo by keyboard, where no text is typed. @param {KeyboardEvent} event */
function onKey(event) {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  if (/** @type {HTMLElement} */ (event.target).matches("input:not([type=range]), textarea")) return;
  event.preventDefault();
  if (event.shiftKey) redo();
  else undo();
}

// Most photos look well in it.
const FIRST = "great_wave";

let last = "";

/** A photo is painted at once: in the style of before where the model has it. */
function chooseFirst() {
  const chosen = options.value.styles;
  if (chosen.length) last = chosen[0].id;
  else if (photo.value && state.value === "ready" && styles.value.length) {
    const known = [last, FIRST].find((id) => styles.value.some((style) => style.id === id));
    const small = Math.max(photo.value.width, photo.value.height) < SMALL_EDGE;
    const size = last ? options.value.size : small ? ENLARGED_EDGE : null;
    settle({ styles: [{ id: known ?? styles.value[0].id, weight: 1 }], size });
  }
}
