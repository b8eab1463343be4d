/** A style, or a blend of some: pictures to choose from, and how much of each there is. */
import { html } from "../view.js";
import { styleOf, styles } from "../state/catalogue.js";
import { alone, toggled, weighed } from "../state/shares.js";
import { Icon } from "./icon.js";
import { Range } from "./slider.js";
import { StylePicture } from "./style-picture.js";

/** @typedef {{shares: import("../state/shares.js").Share[], onChange: (shares: import("../state/shares.js").Share[]) => void}} Choice */

/** A click takes a style alone; the plus blends it in. @param {Choice} props */
export function StyleChoice(props) {
  return html`<ul class="style-choice" role="list">
    ${styles.value.map((style) => html`<${Style} key=${style.id} style=${style} ...${props} />`)}
  </ul>`;
}

/** @param {{style: import("../state/catalogue.js").Style} & Choice} props */
function Style({ style, shares, onChange }) {
  const chosen = shares.some(({ id }) => id === style.id);
  const label = chosen ? `Remove ${style.title} from the blend` : `Blend with ${style.title}`;
  return html`<li class="style-option ${chosen ? "chosen" : ""}">
    <button type="button" class="style-choose" aria-pressed=${chosen && shares.length === 1} onClick=${() => onChange(alone(style.id))}>
      <${StylePicture} style=${style} />
      <span>${style.title}</span>
    </button>
    ${shares.length > 0 &&
    !(chosen && shares.length === 1) &&
    html`<button type="button" class="quiet style-add" aria-label=${label} title=${label} onClick=${() => onChange(toggled(shares, style.id))}>
      <${Icon} name=${chosen ? "minus" : "plus"} />
    </button>`}
  </li>`;
}

/** Of a blend: a slider for each style. @param {Choice} props */
export function Weights({ shares, onChange }) {
  if (shares.length < 2) return null;
  return shares.map(({ id, weight }) => {
    const put = (/** @type {number} */ to) => onChange(weighed(shares, id, to));
    return html`<${Range} key=${id} title=${styleOf(id).title} min=${0} max=${1} step=${0.01} value=${weight} said=${`${Math.round(weight * 100)} %`} onDrag=${put} onRest=${put} />`;
  });
}
