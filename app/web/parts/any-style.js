/** The view for the reader's own style images: the order, its image in progress, and all jobs. */
import { html, useEffect } from "../view.js";
import * as jobs from "../state/jobs.js";
import { readRoutes } from "../state/openapi.js";
import { Camera, takingPhoto } from "./camera.js";
import { JobPanel } from "./job-panel.js";
import { JobList } from "./job-list.js";
import { OrderForm } from "./order-form.js";
import { Stage } from "./stage.js";
import { Trouble } from "./trouble.js";

export function AnyStyle() {
  useEffect(() => jobs.follow("any"), []);
  useEffect(() => void readRoutes(), []);
  const problem = jobs.problem.value;
  return html`<div class="workspace any">
      <${OrderForm} />
      <div class="middle">
        ${problem && html`<${Trouble} problem=${problem} onClose=${() => (jobs.problem.value = null)} />`}
        ${jobs.selected.value ? html`<${JobStage} />` : html`<${Explanation} />`}
      </div>
      <aside class="panel" aria-label="Jobs">
        ${jobs.current.value
          ? html`<${JobPanel} job=${jobs.current.value} />`
          : jobs.selected.value && html`<h1 class="unseen">A job</h1>`}
        <${JobList} />
      </aside>
    </div>
    ${takingPhoto.value && html`<${Camera} />`}`;
}

function JobStage() {
  const job = jobs.current.value;
  const made = jobs.picture.value;
  return html`<${Stage}
    photo=${jobs.original.value?.url ?? null}
    made=${made?.url ?? null}
    size=${made ?? { width: 384, height: 288 }}
    busy=${job !== null && !jobs.hasEnded(job)}
    said=${job?.status === "done" ? "The painting is done" : ""}
  />`;
}

function Explanation() {
  return html`<div class="explanation">
    <h1>Any painting can be the style.</h1>
    <p class="lead">
      At its best, the photo is optimised until it has the style of your image. That takes half a minute or more, and you
      watch it here.
    </p>
  </div>`;
}
