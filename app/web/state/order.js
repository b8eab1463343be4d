/** How a picture is to be optimised: the options of `POST /v1/jobs` that the page offers. */
import { signal } from "../view.js";
import { photo, sendable } from "./photo.js";
import { go } from "./address.js";
import { bringOnly, styleImages } from "./chosen.js";
import { OrderKey } from "./idempotency.js";
import { imageOf, paintWith } from "./instant.js";
import { adopt } from "./jobs.js";
import { json, Problem } from "./service.js";

/** @typedef {{size: number, color: "style"|"keep"|"match", stroke: number, content: number, seconds: number}} Order */

// `content` is a power of ten around the service's default weight of the content.
const CONTENT_WEIGHT = 0.02;

export const order = signal(/** @type {Order} */ ({ size: 384, color: "style", stroke: 1, content: 0, seconds: 0 }));
export const sending = signal(false);
export const problem = signal(/** @type {Problem|null} */ (null));

const key = new OrderKey();

/** @param {Partial<Order>} change */
export function change(change) {
  order.value = { ...order.value, ...change };
}

/** The first style image at once, without a job. */
export const paintAtOnce = () => attempt((_, [image]) => paintWith(image));

export const send = () =>
  attempt(async (what, images) => {
    const about = { name: images.map(({ name }) => titleOf(name)).join(" + "), photo: what.live, style: images[0].file };
    const made = await json("v1/jobs", {
      method: "POST",
      body: await form(what, images),
      headers: { "Idempotency-Key": key.for([what.id, images.map(({ id }) => id), order.value]) },
    });
    key.spend();
    await adopt(made, { ...about, view: "any" });
  });

/** A job with a style image that the service has, which is followed in the other view. @param {string} handle */
export async function sendWith(handle) {
  problem.value = null;
  go("any");
  try {
    await bringOnly(await imageOf(handle));
  } catch (error) {
    problem.value = /** @type {Problem} */ (error);
    return;
  }
  await send();
}

/** @param {(what: import("./photo.js").Photo, images: import("./chosen.js").StyleImage[]) => Promise<void>} act */
async function attempt(act) {
  const [what, images] = [photo.value, styleImages.value];
  if (!what || !images.length || sending.value) return;
  sending.value = true;
  problem.value = null;
  try {
    await act(what, images);
  } catch (error) {
    problem.value = error instanceof Problem ? error : new Problem({ slug: "unreadable", detail: "An image cannot be read." });
  } finally {
    sending.value = false;
  }
}

/** A file's name as a title. @param {string} name */
const titleOf = (name) => name.replace(/\.\w+$/, "").replaceAll("_", " ");

/** @param {import("./photo.js").Photo} what @param {import("./chosen.js").StyleImage[]} images */
async function form(what, images) {
  const { size, color, stroke, content, seconds } = order.value;
  const fields = new FormData();
  fields.set("content", await sendable(what.file), "content");
  for (const image of images) fields.append("style", image.file, "style");
  fields.set("size", String(size));
  fields.set("color", color);
  fields.set("stroke", String(stroke));
  fields.set("content_weight", (CONTENT_WEIGHT * 10 ** content).toPrecision(3));
  if (seconds) fields.set("seconds", String(seconds));
  return fields;
}
