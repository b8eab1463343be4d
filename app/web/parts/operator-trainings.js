/** Trainings: progress, losses, samples, and results of the gates. */
import { html } from "../view.js";
import { act, asOperator, trainings } from "../state/operator.js";
import { hasEnded } from "../state/jobs.js";
import { LossCurve } from "./loss-curve.js";
import { Progress } from "./progress.js";
import { Picture } from "./style-picture.js";

export function Trainings() {
  return html`<section class="card" aria-labelledby="trainings-title">
    <h2 id="trainings-title">Trainings</h2>
    ${!trainings.value.length && html`<p class="soft small-text">None yet. Add a style image, then train it.</p>`}
    ${trainings.value.map((job) => html`<${Training} key=${job.id} job=${job} />`)}
  </section>`;
}

/** @param {{job: any}} props */
function Training({ job }) {
  const { facts } = job;
  return html`<article class="training">
    <div class="training-words">
      <h3>${facts.model ?? "Training"} <span class="fine soft">${new Date(job.created_at).toLocaleTimeString()}</span></h3>
      <${Progress} job=${job} />
      ${facts.model && html`<${Gates} facts=${facts} />`}
      <${LossCurve} points=${job.losses} />
      ${!hasEnded(job) && html`<button class="small" disabled=${job.cancel_requested} onClick=${() => act(() => asOperator(`v1/jobs/${job.id}`, { method: "DELETE" }))}>Cancel</button>`}
    </div>
    ${job.links.preview && html`<${Picture} path="v1/jobs/${job.id}/preview" operator=${true} version=${job.progress} alt="Samples" kind="samples-sheet" />`}
  </article>`;
}

/** @param {{facts: any}} props */
function Gates({ facts }) {
  const passed = facts.status === "ready";
  return html`<p class="small-text">
      <span class="tag ${passed ? "on" : "warn"}">${passed ? "Passed all gates" : "Candidate"}</span>${" "}
      ${facts.active ? "and is active" : "and is not active"}
    </p>
    <ul class="fine soft findings">
      ${[...facts.reasons, ...facts.warnings].map((/** @type {string} */ sentence) => html`<li>${sentence}</li>`)}
    </ul>`;
}
