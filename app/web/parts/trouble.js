/** A problem in the service's own sentence, with what can be done about it. */
import { html, useEffect, useState } from "../view.js";
import { mayAskAgain } from "../state/access.js";
import { Icon } from "./icon.js";

/** What is no fault, and over soon without anybody doing anything. */
const PASSING = ["model-unavailable", "overloaded"];

/**
 * @param {{problem: {detail: string, slug: string, members?: any}, at?: number|null, onAgain?: () => void,
 *   onClose?: () => void}} props `at`: when it is tried again, milliseconds since 1970
 */
export function Trouble({ problem, at = null, onAgain, onClose }) {
  const nearest = problem.members?.nearest;
  const wantsKey = problem.slug === "unauthorized";
  const again = () => {
    mayAskAgain();
    onAgain?.();
  };
  const passes = PASSING.includes(problem.slug);
  return html`<div class="trouble ${passes ? "passing" : ""}" role="alert">
    <${Icon} name=${passes ? "clock" : "alert"} />
    <div>
      <p><${Sentence} text=${problem.detail} /></p>
      ${nearest?.length > 0 && html`<p class="soft">Did you mean ${nearest.join(", ")}?</p>`}
      ${at !== null && html`<${Countdown} at=${at} />`}
    </div>
    ${onAgain && html`<button class="small" onClick=${again}>${wantsKey ? "Enter a key" : "Try now"}</button>`}
    ${onClose && html`<button class="quiet" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>`}
  </div>`;
}

/** With `code` as such. @param {{text: string}} props */
export function Sentence({ text }) {
  return text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));
}

/** @param {{at: number}} props */
function Countdown({ at }) {
  const [now, tick] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => tick(Date.now()), 250);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((at - now) / 1000);
  // Not read out every second.
  return html`<p class="soft" aria-live="off">${seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again…"}</p>`;
}
