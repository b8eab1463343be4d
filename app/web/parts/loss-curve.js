/** Losses by iteration, on a logarithmic scale. */
import { html } from "../view.js";

const [WIDTH, HEIGHT, MARGIN] = [300, 96, 4];
const NAMED = ["total", "style", "content"];

/** @param {{points: Record<string, number>[]}} props each with `iteration` and losses by name */
export function LossCurve({ points }) {
  if (points.length < 2) return null;
  const names = Object.keys(points[0]).filter((name) => name !== "iteration" && points.some((point) => point[name] > 0));
  const shown = NAMED.filter((name) => names.includes(name)).concat(names.filter((name) => !NAMED.includes(name))).slice(0, 3);
  const values = points.flatMap((point) => shown.map((name) => point[name]).filter((value) => value > 0));
  const [least, most] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  const first = points[0].iteration;
  const range = Math.max(1, points[points.length - 1].iteration - first);
  /** @param {Record<string, number>} point @param {string} name */
  const place = (point, name) => {
    const x = ((point.iteration - first) / range) * WIDTH;
    const y = MARGIN + (HEIGHT - 2 * MARGIN) * (1 - (Math.log(point[name]) - least) / Math.max(1e-6, most - least));
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  };
  const last = points[points.length - 1];
  return html`<figure class="losses">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${spoken(shown, points[0], last)}>
      ${shown.map(
        (name) => html`<polyline class="loss-${name}" points=${points.filter((point) => point[name] > 0).map((point) => place(point, name)).join(" ")} />`,
      )}
    </svg>
    <figcaption>
      ${shown.map((name) => html`<span class="loss-${name}">${name} ${short(last[name])}</span>`)}
      <span class="soft">${Math.round(last.iteration)} iterations</span>
    </figcaption>
  </figure>`;
}

/** @param {string[]} names @param {Record<string, number>} first @param {Record<string, number>} last */
function spoken(names, first, last) {
  const falls = names.map((name) => `${name} from ${short(first[name])} to ${short(last[name])}`);
  return `Losses: ${falls.join(", ")} after ${Math.round(last.iteration)} iterations`;
}

/** @param {number} value */
const short = (value) => (value === undefined ? "–" : value >= 100 ? value.toFixed(0) : value.toPrecision(2));
