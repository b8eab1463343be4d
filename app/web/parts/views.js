/** The views of the page, in the order of their tabs. To add one, add a line here. */
import { Paint } from "./paint.js";

/** `part` is there from the start; `load` fetches one that few people need at once, and `sheet` is its own style sheet. */
export const VIEWS = [
  { name: "paint", title: "Paint", part: Paint },
  { name: "any", title: "Any style image", load: async () => (await import("./any-style.js")).AnyStyle },
  { name: "video", title: "Video", load: async () => (await import("./video.js")).Video, sheet: "video" },
  { name: "live", title: "Live", load: async () => (await import("./live.js")).Live, sheet: "live" },
  { name: "operator", title: "Operator", load: async () => (await import("./operator.js")).Operator, sheet: "operator" },
];
