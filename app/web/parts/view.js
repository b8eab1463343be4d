/** The view that is shown; what it is made of is loaded when it is first opened. */
import { html, useEffect, useState } from "../view.js";
import { address, reachable } from "../state/service.js";
import { Trouble } from "./trouble.js";

/** @typedef {{name: string, title: string, part?: any, load?: () => Promise<any>, sheet?: string}} ViewOf */

/** @type {Map<string, any>} */
const loaded = new Map();

/** @param {ViewOf} view @returns {Promise<any>} its component */
async function partOf({ name, load, sheet }) {
  if (!loaded.has(name)) {
    const [part] = await Promise.all([load?.(), sheet && dress(sheet)]);
    loaded.set(name, part);
  }
  return loaded.get(name);
}

/** Load a style sheet of the page. @param {string} name @returns {Promise<unknown>} */
export function dress(name) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = address(`web/styles/${name}.css`).href;
  const there = new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = reject;
  });
  document.head.append(link);
  return there;
}

/** @param {{view: ViewOf}} props */
export function View({ view }) {
  const [part, show] = useState(() => view.part ?? loaded.get(view.name));
  const [failed, fail] = useState(false);
  const load = () => {
    fail(false);
    partOf(view).then((component) => show(() => component), () => fail(true));
  };
  useEffect(() => {
    if (!part && reachable.value) load();
  }, [reachable.value]);
  if (part) return html`<${part} />`;
  if (!failed) return html`<h1 class="unseen">${view.title}</h1>`;
  const problem = { slug: "unreachable", detail: "This part of the page could not be loaded." };
  return html`<div class="unloaded">
    <h1>${view.title}</h1>
    <${Trouble} problem=${problem} onAgain=${load} />
  </div>`;
}
