/** Style images of the reader's own: a place to drop them among the styles, and what can be done with one. */
import { html, useEffect } from "../view.js";
import { bring, forget, problem, refine, refinements, sending, stageOf, watch } from "../state/instant.js";
import { DropZone } from "./drop-zone.js";
import { Icon } from "./icon.js";
import { Progress } from "./progress.js";
import { Trouble } from "./trouble.js";

const WORDS = {
  encoded: "Read from your image at a glance. Training makes more of it.",
  refining: "Being trained; until it is better, the painting stays as it is.",
  refined: "Trained on your image.",
};

/** Painted at once with what is dropped. */
export function OwnImageDrop() {
  return html`<div class="own-drop">
    <${DropZone} label=${sending.value ? "Reading…" : "Your own style image"} onFiles=${([file]) => bring(file)} busy=${sending.value} small=${true} />
    ${problem.value && html`<${Trouble} problem=${problem.value} onClose=${() => (problem.value = null)} />`}
  </div>`;
}

/** @param {{id: string}} props */
export function OwnImage({ id }) {
  useEffect(() => watch(id), [id]);
  const stage = stageOf(id);
  const job = refinements.value[id];
  if (!stage) return null;
  const inVain = stage === "encoded" && job?.status === "done";
  return html`<section class="group" aria-label="Your style image">
    <p class="small-text" role="status">${inVain ? "Training made it no better this time." : WORDS[stage]}</p>
    ${stage === "refining" && job && html`<${Progress} job=${job} />`}
    <div class="row">
      ${stage !== "refining" && html`<button onClick=${() => refine(id)}>${stage === "refined" ? "Refine again" : "Refine"}</button>`}
      <button class="quiet" onClick=${() => forget(id)}><${Icon} name="close" />Forget this image</button>
    </div>
  </section>`;
}
