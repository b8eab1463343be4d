/** The results of this visit. */
import { html } from "../view.js";
import { titleOf } from "../state/catalogue.js";
import { history } from "../state/history.js";
import { settle } from "../state/options.js";
import { photo, takeAgain } from "../state/photo.js";

export function HistoryStrip() {
  if (history.value.length < 2) return null;
  return html`<section class="group" aria-labelledby="history-title">
    <h2 class="small" id="history-title">This visit</h2>
    <ul class="strip" role="list">
      ${history.value.map(
        (entry, index) => html`<li key=${index}>
          <button aria-label="Back to ${titleOf(entry.options)}" title=${titleOf(entry.options)} onClick=${() => back(entry)}>
            <img src=${entry.picture} alt="" />
          </button>
        </li>`,
      )}
    </ul>
  </section>`;
}

/** @param {import("../state/history.js").Entry} entry */
async function back(entry) {
  if (entry.photo !== photo.value?.id && !(await takeAgain(entry.photo))) return;
  settle(entry.options);
}
