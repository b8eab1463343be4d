/** Parts of the page that come after what people see first. */
import { html, useEffect, useState } from "../view.js";

/** A component that is loaded when it is first shown, and nothing until then. @param {() => Promise<any>} load the component */
export function later(load) {
  let part = /** @type {any} */ (null);
  return function Later(/** @type {object} */ props) {
    const [, show] = useState(() => part);
    useEffect(() => {
      // Without the service it is asked for again when it is next shown.
      if (!part) load().then((found) => show(() => (part = found)), () => {});
    }, []);
    return part && html`<${part} ...${props} />`;
  };
}
