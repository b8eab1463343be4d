/** Regions as a request has them: JSON, and masks as files. */
import { maskOf } from "./mask.js";

/** @typedef {import("./region.js").Region} Region */

/** The file of a region's mask. @param {number} place from 0 */
const fileName = (place) => `region-${place + 1}.png`;

/** As the service takes them. @param {Region[]} regions */
export function asked(regions) {
  return regions.map(({ polygon, feather, style, strength, color }, place) => ({
    ...(polygon ? { polygon, feather } : { mask: fileName(place) }),
    ...(style && { styles: style }),
    strength,
    color,
  }));
}

/** The masks that they name. @param {Region[]} regions @param {{width: number, height: number}} size the photo's */
export async function masks(regions, size) {
  const made = regions.map(async ({ strokes, feather }, place) =>
    strokes ? [{ name: fileName(place), blob: await maskOf(strokes, feather, size) }] : [],
  );
  return (await Promise.all(made)).flat();
}

/** Names of these files. @param {Region[]} regions */
export const maskNames = (regions) => regions.flatMap(({ strokes }, place) => (strokes ? [fileName(place)] : []));
