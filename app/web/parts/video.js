/** The view for clips: one is chosen, painted by a job, and played beside its original. */
import { html, useEffect, useSignalEffect } from "../view.js";
import * as catalogue from "../state/catalogue.js";
import { chooseFirst, restore } from "../state/clip.js";
import * as jobs from "../state/jobs.js";
import { options } from "../state/options.js";
import { ClipForm } from "./clip-form.js";
import { ClipStage } from "./clip-stage.js";
import { JobList } from "./job-list.js";
import { JobPanel } from "./job-panel.js";
import { Trouble } from "./trouble.js";

export function Video() {
  useEffect(() => jobs.follow("video"), []);
  useEffect(() => {
    if (catalogue.state.value !== "ready") catalogue.load(null);
    restore();
  }, []);
  useSignalEffect(() => chooseFirst(options.value.styles));
  const problem = jobs.problem.value;
  return html`<div class="workspace any">
    <${ClipForm} />
    <div class="middle">
      ${problem && html`<${Trouble} problem=${problem} onClose=${() => (jobs.problem.value = null)} />`}
      ${jobs.selected.value ? html`<${ClipStage} />` : html`<${Explanation} />`}
    </div>
    <aside class="panel" aria-label="Jobs">
      ${jobs.current.value ? html`<${JobPanel} job=${jobs.current.value} />` : jobs.selected.value && html`<h1 class="unseen">A job</h1>`}
      <${JobList} />
    </aside>
  </div>`;
}

function Explanation() {
  return html`<div class="explanation">
    <h1>A clip, painted frame by frame.</h1>
    <p class="lead">
      Its strokes stay where nothing moves, and move with what does. One style may become another one on the way.
    </p>
  </div>`;
}
