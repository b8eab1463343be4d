/** The routes of the service, as its OpenAPI document has them. */
import { html, useEffect, useState } from "../view.js";
import { address, json } from "../state/service.js";
import { operationsByTag, schemaText, resolve } from "../state/openapi.js";
import { question } from "../state/access.js";
import { Header } from "./header.js";
import { KeyDialog } from "./key-dialog.js";
import { Sentence, Trouble } from "./trouble.js";

export function Reference() {
  const [document_, take] = useState(/** @type {any} */ (null));
  const [problem, complain] = useState(/** @type {any} */ (null));
  useEffect(() => {
    json("openapi.json").then(take, complain);
  }, []);
  return html`
    <${Header} views=${[]} shown="" />
    <main class="view reference" id="main">
      ${problem && html`<${Trouble} problem=${problem} />`}
      ${document_ ? html`<${Routes} of=${document_} />` : !problem && html`<p class="soft">Loading…</p>`}
    </main>
    ${question.value && html`<${KeyDialog} ...${question.value} />`}
  `;
}

/** @param {{of: any}} props */
function Routes({ of: all }) {
  const groups = operationsByTag(all);
  return html`
    <nav class="reference-index" aria-label="Routes">
      ${groups.map(
        ({ tag, operations }) => html`<h2 class="small">${tag}</h2>
          <ul role="list">
            ${operations.map(({ id, method, path }) => html`<li><a href="#${id}"><b class="method ${method}">${method}</b> ${path}</a></li>`)}
          </ul>`,
      )}
    </nav>
    <div class="reference-text">
      <h1>${all.info.title} ${all.info.version}</h1>
      <p class="lead">${all.info.summary}</p>
      <p>
        The same for programs: <a href=${address("openapi.json").href}>openapi.json</a>. Errors are${" "}
        <code>application/problem+json</code>${" "}(RFC 9457).
      </p>
      ${groups.map(({ tag, operations }) => html`<h2>${tag}</h2>${operations.map((one) => html`<${Operation} key=${one.id} ...${one} all=${all} />`)}`)}
    </div>
  `;
}

/** @param {import("../state/openapi.js").Operation & {all: any}} props */
function Operation({ id, method, path, about, all }) {
  const forms = Object.entries(about.requestBody?.content ?? {});
  return html`<article class="operation" id=${id}>
    <p class="operation-route"><b class="method ${method}">${method}</b> <code>${path}</code></p>
    <h3>${about.summary}</h3>
    <${Prose} text=${about.description ?? ""} />
    ${about.parameters?.length > 0 && html`<${Fields} title="Parameters" fields=${about.parameters.map(fieldOfParameter)} all=${all} />`}
    ${forms.map(([type, { schema }]) => {
      const form = resolve(all, schema);
      return form.properties
        ? html`<${Fields} title="Body: ${type}" fields=${fieldsOfSchema(form)} all=${all} />`
        : html`<p class="soft">Body: <code>${type}</code></p>`;
    })}
    <h4>Answers</h4>
    <dl class="answers">
      ${Object.entries(about.responses).map(([status, answer]) => html`<dt>${status}</dt><dd><${Answer} ...${answer} /></dd>`)}
    </dl>
  </article>`;
}

/** @param {{description: string, content?: any}} props */
function Answer({ description, content }) {
  const problems = Object.entries(content?.["application/problem+json"]?.examples ?? {});
  if (!problems.length) return html`<${Prose} text=${description} />`;
  return html`<ul>
    ${problems.map(([slug, { value }]) => html`<li><code>${slug}</code> ${value.detail}</li>`)}
  </ul>`;
}

/** @typedef {{name: string, where: string, required: boolean, description: string, schema: any}} Field */

/** @param {{title: string, fields: Field[], all: any}} props */
function Fields({ title, fields, all }) {
  return html`<h4>${title}</h4>
    <dl class="fields">
      ${fields.map(
        ({ name, where, required, description, schema }) => html`<dt><code>${name}</code></dt>
          <dd>
            <span class="soft">${[schemaText(all, schema), where, required && "required"].filter(Boolean).join(", ")}</span>
            <${Prose} text=${description} />
          </dd>`,
      )}
    </dl>`;
}

/** @param {any} parameter @returns {Field} */
const fieldOfParameter = ({ name, in: where, required, description = "", schema }) => ({ name, where, required, description, schema });

/** @param {any} form @returns {Field[]} */
function fieldsOfSchema(form) {
  return Object.entries(form.properties).map(([name, schema]) => ({
    name,
    where: "",
    required: form.required?.includes(name) ?? false,
    description: schema.description ?? "",
    schema,
  }));
}

/** Paragraphs with `code`. @param {{text: string}} props */
function Prose({ text }) {
  return text
    .split(/\n\s*\n/)
    .filter(Boolean)
    .map((paragraph) => html`<p><${Sentence} text=${paragraph} /></p>`);
}
