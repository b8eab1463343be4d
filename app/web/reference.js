/** Starts the page about the API. */
import { html, render } from "./view.js";
import { applyTheme } from "./parts/header.js";
import { Reference } from "./parts/reference.js";

applyTheme();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${Reference} />`, root);
