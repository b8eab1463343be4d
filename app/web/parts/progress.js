/** How far a job is, in words and as a bar. */
import { html } from "../view.js";
import { hasEnded } from "../state/jobs.js";

/** @param {{job: any}} props */
export function Progress({ job }) {
  return html`<div class="progress">
    ${!hasEnded(job) && html`<progress max="1" value=${job.status === "running" ? job.progress : undefined} aria-label="Progress"></progress>`}
    <p class="small-text">${words(job)}</p>
  </div>`;
}

/** @param {any} job */
export function words(job) {
  if (job.cancel_requested && !hasEnded(job)) return "Being cancelled…";
  if (job.status === "queued") return job.queue_position > 1 ? `Number ${job.queue_position} in the queue` : "Waiting for a worker";
  if (job.status === "running") {
    if (job.progress === 0) return "Starting…";
    const left = job.eta_seconds === null ? "" : `, ${duration(job.eta_seconds)} left`;
    const { frame, frames } = job.facts;
    return `${frames ? `Frame ${frame} of ${frames}` : `${Math.round(job.progress * 100)} %`}${left}`;
  }
  if (job.status === "done") return `Done in ${duration((Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000)}`;
  if (job.status === "failed") return `Failed: ${job.error?.detail ?? "the reason is unknown."}`;
  return "Cancelled";
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
