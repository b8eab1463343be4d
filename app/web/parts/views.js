/** The views of the page, in the order of their tabs. To add one, add a line here. */
import { AnyStyle } from "./any-style.js";
import { Operator } from "./operator.js";
import { Paint } from "./paint.js";

export const VIEWS = [
  { name: "paint", title: "Paint", part: Paint },
  { name: "any", title: "Any style image", part: AnyStyle },
  { name: "operator", title: "Operator", part: Operator },
];
