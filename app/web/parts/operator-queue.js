/** All jobs, newest first. */
import { html } from "../view.js";
import { act, asOperator, jobs } from "../state/operator.js";
import { hasEnded } from "../state/jobs.js";
import { words } from "./progress.js";

export function Queue() {
  return html`<section class="card wide" aria-labelledby="queue-title">
    <h2 id="queue-title">Jobs</h2>
    ${jobs.value.length
      ? html`<div class="scroll" tabindex="0" role="group" aria-label="All jobs">
          <table>
            <thead><tr><th>Kind</th><th>State</th><th>Created</th><th>Attempt</th><th><span class="unseen">Action</span></th></tr></thead>
            <tbody>
              ${jobs.value.map(
                (job) => html`<tr key=${job.id}>
                  <th scope="row">${job.kind}</th>
                  <td>${words(job)}</td>
                  <td class="soft">${new Date(job.created_at).toLocaleString()}</td>
                  <td>${job.attempt} of ${job.max_attempts}</td>
                  <td class="end">
                    ${!hasEnded(job) &&
                    html`<button class="small" aria-label="Cancel ${job.kind} ${job.id}" disabled=${job.cancel_requested} onClick=${() => act(() => asOperator(`v1/jobs/${job.id}`, { method: "DELETE" }))}>Cancel</button>`}
                  </td>
                </tr>`,
              )}
            </tbody>
          </table>
        </div>`
      : html`<p class="soft small-text">No jobs.</p>`}
  </section>`;
}
