/** Styles and their weights, changed by a reader who always has one style at least. */
import { MAX_STYLES } from "./options.js";

/** @typedef {import("./options.js").Share} Share */

/** @param {string} id @returns {Share[]} */
export const alone = (id) => [{ id, weight: 1 }];

/** With one more style, or without it; the last one stays, and there is a most. @param {Share[]} shares @param {string} id */
export function toggled(shares, id) {
  const others = shares.filter((share) => share.id !== id);
  if (others.length < shares.length) return others.length ? others : shares;
  return others.length < MAX_STYLES ? [...others, { id, weight: 1 }] : shares;
}

/** As they were, if nothing would be left. @param {Share[]} shares @param {string} id @param {number} weight */
export function weighed(shares, id, weight) {
  const changed = shares.map((share) => (share.id === id ? { ...share, weight } : share));
  return changed.some((share) => share.weight > 0) ? changed : shares;
}
