/** The views of the page, in the order of their tabs. A new one is a line here. */
import { Paint } from "./paint.js";

export const VIEWS = [{ name: "paint", title: "Paint", part: Paint }];
