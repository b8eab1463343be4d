/** Drawing regions: which tool is in the hand, and which region is meant. */
import { signal } from "../view.js";

export const tool = signal(/** @type {"lasso"|"brush"|null} */ (null));
/** Whether outlines follow the edges of the photo. */
export const snapping = signal(true);
/** `size` in fractions of the picture's longer edge. */
export const brush = signal({ size: 0.06, erase: false });
/** The region whose options are open, which the brush goes on with. */
export const selected = signal(/** @type {string|null} */ (null));
/** The region that is pointed at in the list. */
export const pointed = signal(/** @type {string|null} */ (null));

/** @param {"lasso"|"brush"} wanted @param {string|null} [region] that the brush goes on with */
export function takeUp(wanted, region = null) {
  selected.value = region;
  brush.value = { ...brush.value, erase: false };
  tool.value = wanted;
}

export function layDown() {
  tool.value = null;
}
