/** Style images of the reader's own: a place to drop them among the styles, and what can be done with one. */
import { html, useEffect } from "../view.js";
import { bring, forget, problem, refine, refinements, sending, stageOf, watch } from "../state/instant.js";
import { sendWith } from "../state/order.js";
import { DropZone } from "./drop-zone.js";
import { Icon } from "./icon.js";
import { Progress } from "./progress.js";
import { Picture } from "./style-picture.js";
import { Trouble } from "./trouble.js";

const WORDS = {
  encoded: "Painted at once, after one look at your image. Refining it learns more of its style.",
  refining: "Learning the style of your image. The painting changes when it is better.",
  refined: "Refined: the style was learned from your image.",
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
    <div class="own-words">
      <${Picture} path="v1/styles/${id}/thumbnail" alt="Your style image" kind="own-picture" />
      <p class="small-text" role="status">${inVain ? "Refining made it no better this time." : WORDS[stage]}</p>
    </div>
    ${stage === "refining" && job && html`<${Progress} job=${job} />`}
    <div class="row">
      <button disabled=${stage === "refining"} title="About 20 seconds, for every photo" onClick=${() => refine(id)}>
        ${stage === "refined" ? "Refine again" : "Refine"}
      </button>
      <button title="A job that optimises this one photo" onClick=${() => sendWith(id)}>Best</button>
      <button class="quiet" aria-label="Forget this image" title="Forget this image" onClick=${() => forget(id)}><${Icon} name="trash" /></button>
    </div>
  </section>`;
}
