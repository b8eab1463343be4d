/** The results of this visit, kept in this tab: their options, and thumbnails. */
import { signal } from "../view.js";
import { text } from "./options.js";
import { thumbnail } from "./picture.js";

/** @typedef {{photo: string, options: import("./options.js").Options, picture: string}} Entry */

const STORED = "pastiche-history";
const MAX_ENTRIES = 24;
const EDGE = 144;

export const history = signal(/** @type {Entry[]} */ (stored()));

/** @returns {Entry[]} */
function stored() {
  try {
    const entries = JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
    // Of a page before there were regions.
    return entries.map((/** @type {Entry} */ entry) => ({ ...entry, options: { .../** @type {any} */ ({ regions: [] }), ...entry.options } }));
  } catch {
    return [];
  }
}

/** @param {import("./painter.js").Painting} painting */
export async function remember(painting) {
  const entry = {
    photo: painting.photo.id,
    options: painting.options,
    picture: await thumbnail(painting.blob, EDGE),
  };
  const others = history.value.filter((old) => old.photo !== entry.photo || text(old.options) !== text(entry.options));
  history.value = [entry, ...others].slice(0, MAX_ENTRIES);
  try {
    sessionStorage.setItem(STORED, JSON.stringify(history.value));
  } catch {
    // Full: it is still there until the tab is closed.
  }
}
