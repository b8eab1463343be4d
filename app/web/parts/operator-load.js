/** The current load of the service. */
import { html } from "../view.js";
import { figure, ready, waiting } from "../state/operator.js";
import { duration } from "./progress.js";

/** The figures that are shown: title, metric, format. */
const SHOWN = /** @type {[string, string, (value: number) => string][]} */ ([
  ["Megapixels queued", "pastiche_queue_megapixels", (value) => value.toFixed(1)],
  ["Images queued", "pastiche_queue_pictures", String],
  ["Megapixels per second", "pastiche_engine_megapixels_per_second", (value) => value.toFixed(1)],
  ["Requests in flight", "pastiche_requests_in_flight", String],
  ["Workers alive", "pastiche_workers_alive", String],
  ["Workers alive", "pastiche_workers", String],
  ["Jobs queued", "pastiche_jobs_waiting", String],
  ["Jobs running", "pastiche_jobs_running", String],
  ["Oldest queued job", "pastiche_jobs_oldest_waiting_seconds", duration],
]);

export function Load() {
  const answer = ready.value;
  return html`<section class="card wide" aria-labelledby="load-title">
    <h2 id="load-title">
      <span class="lamp ${answer ? "on" : ""}"></span>${answer ? "Ready" : "Not ready"}
      ${answer && html`<span class="soft fine">${answer.models.join(", ")} on ${answer.device}</span>`}
    </h2>
    ${answer &&
    Object.entries(answer.refused).map(([label, reason]) => html`<p class="danger small-text">${label} could not be loaded: ${reason}</p>`)}
    <dl class="figures">
      ${SHOWN.map(([title, name, say]) => {
        const value = figure(name);
        return value !== null && html`<div><dt>${title}</dt><dd>${say(value)}</dd></div>`;
      })}
    </dl>
    <${Sparkline} values=${waiting.value} />
  </section>`;
}

/** @param {{values: number[]}} props */
function Sparkline({ values }) {
  const most = Math.max(1, ...values);
  const points = values.map((value, index) => `${(index / Math.max(1, values.length - 1)) * 300},${47 - (46 * value) / most}`).join(" ");
  return html`<figure>
    <svg class="sparkline" viewBox="0 0 300 48" preserveAspectRatio="none" role="img" aria-label="Megapixels queued, up to ${Math.max(0, ...values).toFixed(1)}, over the last minutes">
      <polyline points=${points} />
    </svg>
    <figcaption class="fine soft">Megapixels queued, the last three minutes</figcaption>
  </figure>`;
}
