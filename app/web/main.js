/** Starts the page. */
import { html, render } from "./view.js";
import { App } from "./parts/app.js";
import { applyTheme, lookForReference } from "./parts/header.js";
import { takeDropsAndPastes } from "./parts/inlet.js";
import * as address from "./state/address.js";
import * as catalogue from "./state/catalogue.js";
import * as instant from "./state/instant.js";
import { forgetOld } from "./state/keep.js";
import * as painter from "./state/painter.js";
import { restore } from "./state/photo.js";
import * as previews from "./state/previews.js";

applyTheme();
const sample = address.open();
if (!sample) restore();
address.follow();
catalogue.follow();
instant.follow();
painter.follow();
previews.follow();
takeDropsAndPastes();
forgetOld();
lookForReference();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(html`<${App} />`, root);
