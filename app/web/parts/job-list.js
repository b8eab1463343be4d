/** The reader's jobs in this browser. */
import { html } from "../view.js";
import { forget, gone, hasEnded, heard, known, open, selected } from "../state/jobs.js";
import { Icon } from "./icon.js";
import { words } from "./progress.js";

export function JobList() {
  if (!known.value.length) return html`<p class="soft nothing">Your jobs appear here, in this browser only.</p>`;
  return html`<section class="group" aria-labelledby="jobs-title">
    <h2 class="small" id="jobs-title">Your jobs</h2>
    <ul class="jobs" role="list">
      ${known.value.map((about) => html`<${Row} key=${about.id} about=${about} job=${heard.value[about.id]} />`)}
    </ul>
  </section>`;
}

/** @param {{about: import("../state/jobs.js").Known, job: any}} props */
function Row({ about, job }) {
  const lost = gone.value.has(about.id);
  return html`<li class="job ${selected.value === about.id ? "chosen" : ""}">
    <button class="job-open" disabled=${lost} aria-current=${selected.value === about.id ? "true" : undefined} onClick=${() => open(about.id)}>
      <span class="job-pictures">
        ${[about.photo, about.style].map((picture) => (picture ? html`<img src=${picture} alt="" />` : html`<span class="blank"></span>`))}
      </span>
      <span class="job-words">
        <span class="job-name">${about.name}</span>
        <span class="fine soft">${lost ? "No longer available" : job ? words(job) : "…"}</span>
      </span>
    </button>
    ${(lost || hasEnded(job)) &&
    html`<button class="quiet" aria-label="Delete ${about.name}" onClick=${() => forget(about.id)}><${Icon} name="trash" /></button>`}
  </li>`;
}
