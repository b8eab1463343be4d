/** Name, tabs, and what holds everywhere: key, colours of the page, reference. */
import { html, signal } from "../view.js";
import { go } from "../state/address.js";
import { key, setKey } from "../state/access.js";
import { address } from "../state/service.js";
import { Icon } from "./icon.js";

const STORED = "pastiche-theme";
const THEMES = /** @type {const} */ ({ auto: "System", light: "Light", dark: "Dark" });
const theme = signal(/** @type {keyof typeof THEMES} */ (localStorage.getItem(STORED) ?? "auto"));

/** Whether the service shows the page about its routes: an operator may turn it off. */
const described = signal(true);

export async function lookForReference() {
  try {
    described.value = (await fetch(address("docs"), { method: "HEAD" })).status !== 404;
  } catch {
    // Not known: the link stays.
  }
}

/** @param {{views: {name: string, title: string}[], shown: string}} props */
export function Header({ views, shown }) {
  return html`<header class="header">
    <a class="name" href=${address(".").href}>pastiche</a>
    <nav class="tabs" aria-label="Views">
      ${views.map(
        ({ name, title }) => html`<a
          href="#${name}"
          aria-current=${name === shown ? "page" : undefined}
          onClick=${(/** @type {Event} */ event) => {
            event.preventDefault();
            go(name);
          }}
          >${title}</a
        >`,
      )}
    </nav>
    <div class="header-tools">
      ${key.value &&
      html`<button class="quiet" title="Forget the API key" aria-label="Forget the API key" onClick=${() => setKey("", false)}>
        <${Icon} name="key" />
      </button>`}
      <button class="quiet" title="Colours: ${THEMES[theme.value]}" aria-label="Colours: ${THEMES[theme.value]}" onClick=${changeTheme}>
        <${Icon} name=${{ auto: "auto", light: "sun", dark: "moon" }[theme.value]} />
      </button>
      ${described.value && html`<a class="quiet" href=${address("docs").href}>API</a>`}
    </div>
  </header>`;
}

function changeTheme() {
  const names = /** @type {(keyof typeof THEMES)[]} */ (Object.keys(THEMES));
  theme.value = names[(names.indexOf(theme.value) + 1) % names.length];
  localStorage.setItem(STORED, theme.value);
  applyTheme();
}

export function applyTheme() {
  document.documentElement.dataset.theme = theme.value;
}
