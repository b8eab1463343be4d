/** The page as a whole: header, the view that is shown, and what lies over it. */
import { html, useEffect } from "../view.js";
import { question } from "../state/access.js";
import { view } from "../state/address.js";
import { reachable } from "../state/service.js";
import { Header } from "./header.js";
import { KeyDialog } from "./key-dialog.js";
import { View } from "./view.js";
import { VIEWS } from "./views.js";

export function App() {
  const shown = VIEWS.find(({ name }) => name === view.value) ?? VIEWS[0];
  useEffect(() => {
    document.title = shown.name === "paint" ? "pastiche" : `${shown.title} · pastiche`;
  }, [shown]);
  return html`
    <a class="skip" href="#main" onClick=${focusMain}>Skip to content</a>
    <${Header} views=${VIEWS} shown=${shown.name} />
    ${!reachable.value && html`<p class="away" role="alert">The service does not answer. Trying again…</p>`}
    <main id="main" tabindex="-1" class="view view-${shown.name}" key=${shown.name}>
      <${View} view=${shown} />
    </main>
    ${question.value && html`<${KeyDialog} ...${question.value} />`}
  `;
}

/** The address holds options, so no link may change its fragment. @param {Event} event */
function focusMain(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
