/** The selected job: how far it is, its losses, and what can be done with it. */
import { html } from "../view.js";
import { cancel, hasEnded, known, picture } from "../state/jobs.js";
import { Icon } from "./icon.js";
import { LossCurve } from "./loss-curve.js";
import { amount } from "./output.js";
import { Progress } from "./progress.js";

/** @param {{job: any}} props */
export function JobPanel({ job }) {
  const about = known.value.find(({ id }) => id === job.id);
  const made = picture.value;
  const format = made?.blob.type.replace(/^\w+\//, "").replace("jpeg", "jpg") ?? "jpg";
  const { frames, sound_left_out: lost } = job.facts;
  return html`<section class="group" aria-label="This job">
    <h1 class="job-title">${about?.name ?? job.kind}</h1>
    <${Progress} job=${job} />
    <${LossCurve} points=${job.losses} />
    ${!hasEnded(job) &&
    html`<button disabled=${job.cancel_requested} onClick=${() => cancel(job.id)}><${Icon} name="stop" />Cancel</button>`}
    ${made?.final &&
    html`<a class="button primary large" href=${made.url} download="${about?.name ?? "painting"}.${format}"><${Icon} name="download" />Download</a>
      <p class="fine soft facts">
        <span>${made.width} × ${made.height}, ${frames ? `${frames} frames, ` : ""}${amount(made.blob.size)}</span>
        ${lost && html`<span>Without its sound (${lost}), which the format cannot hold.</span>`}
      </p>`}
  </section>`;
}
