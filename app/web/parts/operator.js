/** The operator's view: the state of the service and its models, behind the token. */
import { html, useEffect, useState } from "../view.js";
import { isSendable } from "../state/access.js";
import * as operator from "../state/operator.js";
import { Load } from "./operator-load.js";
import { Models } from "./operator-models.js";
import { Queue } from "./operator-queue.js";
import { StyleImages } from "./operator-styles.js";
import { Trainings } from "./operator-trainings.js";
import { Trouble } from "./trouble.js";

export function Operator() {
  useEffect(operator.follow, []);
  if (!operator.signedIn.value) return html`<${SignIn} />`;
  const problem = operator.problem.value;
  return html`<div class="operator">
    <div class="operator-head">
      <h1>Operator</h1>
      <button onClick=${operator.signOut}>Forget the token</button>
    </div>
    ${problem && html`<${Trouble} problem=${problem} onClose=${() => (operator.problem.value = null)} />`}
    <${Load} />
    <${Models} />
    <div class="operator-column"><${StyleImages} /><${Trainings} /></div>
    <${Queue} />
  </div>`;
}

function SignIn() {
  const [complaint, complain] = useState("");
  const [busy, work] = useState(false);
  const problem = operator.problem.value;
  const missing = problem?.status === 404;
  /** @param {any} event */
  async function submit(event) {
    event.preventDefault();
    const secret = String(new FormData(event.target).get("token")).trim();
    if (!isSendable(secret)) return complain("A token has only plain letters, digits and symbols, without spaces.");
    complain("");
    work(true);
    await operator.signIn(secret);
    work(false);
  }
  return html`<form class="sign-in" onSubmit=${submit}>
    <h1>Operator</h1>
    <p class="soft">Style images, trainings, versions and the queue, for operators. The token stays in this tab's memory.</p>
    <label class="field">Token <input name="token" type="password" autocomplete="off" required /></label>
    ${(complaint || problem) &&
    html`<${Trouble} problem=${{
      slug: "",
      detail: complaint || (missing ? "The operator's routes are off. Set PASTICHE_ADMIN_TOKEN to turn them on." : problem?.detail ?? ""),
    }} />`}
    <button class="primary large" disabled=${busy}>Sign in</button>
  </form>`;
}
