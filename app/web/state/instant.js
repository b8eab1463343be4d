/** Stylizing with the reader's own style image at once, if the service has a route for it. */
import { computed } from "../view.js";
import { go } from "./address.js";
import { settle } from "./options.js";
import { routes } from "./openapi.js";
import { json } from "./service.js";

export const possible = computed(() => routes.value?.has("POST /v1/styles") ?? false);

/**
 * Get a handle for the style image, which can be used like a style's id, and stylize with it.
 * @param {import("./chosen.js").StyleImage} image
 * @throws {import("./service.js").Problem}
 */
export async function paintWith(image) {
  const headers = { "Content-Type": image.file.type || "application/octet-stream" };
  const { id } = await json("v1/styles", { method: "POST", body: image.file, headers });
  settle({ styles: [{ id, weight: 1 }] });
  go("paint");
}
