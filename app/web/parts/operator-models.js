/** Models and their versions: which one is served, and the way to another one. */
import { html, useState } from "../view.js";
import { act, asOperator, models } from "../state/operator.js";
import { Confirm } from "./confirm.js";

export function Models() {
  const [asked, ask] = useState(/** @type {{model: any, version: any}|null} */ (null));
  return html`<section class="card" aria-labelledby="models-title">
    <h2 id="models-title">Models</h2>
    ${models.value.map((model) => html`<${Versions} key=${model.name} model=${model} onAsk=${(/** @type {any} */ version) => ask({ model, version })} />`)}
    ${asked &&
    html`<${Confirm}
      title="Serve ${asked.version.label}?"
      text=${textOf(asked.model, asked.version)}
      label=${verb(asked.model, asked.version)}
      onAnswer=${(/** @type {boolean} */ yes) => {
        ask(null);
        if (yes) activate(asked.model.name, asked.version);
      }}
    />`}
  </section>`;
}

/** @param {{model: any, onAsk: (version: any) => void}} props */
function Versions({ model, onAsk }) {
  return html`<table class="versions">
    <caption>${model.name} <span class="soft fine">${model.served_here.length ? `serves ${model.served_here.join(", ")}` : "not served here"}</span></caption>
    <thead class="unseen"><tr><th>Version</th><th>State</th><th>Made</th><th>Action</th></tr></thead>
    <tbody>
      ${[...model.versions].reverse().map(
        (version) => html`<tr key=${version.version}>
          <th scope="row">${version.version}</th>
          <td>
            <span class="tag ${version.active ? "on" : version.status === "candidate" ? "warn" : ""}">${state(version)}</span>
            ${version.reasons.map((/** @type {string} */ reason) => html`<p class="fine soft">${reason}</p>`)}
          </td>
          <td class="fine soft">${version.created_at ? html`<${Day} of=${version.created_at} />` : version.shipped ? "shipped" : ""}</td>
          <td class="end">${!version.active && html`<button class="small" onClick=${() => onAsk(version)}>${verb(model, version)}</button>`}</td>
        </tr>`,
      )}
    </tbody>
  </table>`;
}

/** @param {{of: string}} props a moment */
function Day({ of: moment }) {
  const when = new Date(moment);
  return html`<time datetime=${moment} title=${when.toLocaleString()}>${when.toLocaleDateString(undefined, { dateStyle: "medium" })}</time>`;
}

/** @param {any} version */
function state(version) {
  if (version.active) return version.forced ? "Active (forced)" : "Active";
  return version.status === "candidate" ? "Candidate" : "Ready";
}

/** @param {any} model @param {any} version */
function verb(model, version) {
  if (version.status === "candidate") return "Force";
  return version.version < (model.active ?? 0) ? "Roll back" : "Activate";
}

/** @param {any} model @param {any} version */
function textOf(model, version) {
  const usual = `Every replica switches within seconds, without dropping requests. Until then, ${model.name}@${model.active} is served.`;
  return version.status === "candidate" ? `It did not pass its gates: ${version.reasons.join(" ")} The log records that it was forced. ${usual}` : usual;
}

/** @param {string} name @param {any} version */
function activate(name, version) {
  const body = JSON.stringify({ version: version.version, ...(version.status === "candidate" ? { force: true } : {}) });
  return act(() => asOperator(`v1/admin/models/${name}/active`, { method: "PUT", body, headers: { "Content-Type": "application/json" } }));
}
