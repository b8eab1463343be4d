/** This photo in every style. A click paints; the plus adds to the blend. */
import { html, useEffect, useRef } from "../view.js";
import * as catalogue from "../state/catalogue.js";
import { bring, own } from "../state/instant.js";
import { MAX_STYLES, options, settle } from "../state/options.js";
import { previewOf, unwant, visible, want } from "../state/previews.js";
import { photo } from "../state/photo.js";
import { Icon } from "./icon.js";
import { OwnImageDrop } from "./own-image.js";
import { Trouble } from "./trouble.js";

const { takesImages, artist, artists, centuries, century, found, models, search, state, problem, styles } = catalogue;

export function Gallery() {
  return html`<section class="gallery" aria-label="Styles" onDrop=${takesImages.value ? onDrop : undefined}>
    <${Filters} />
    ${takesImages.value && html`<${OwnImageDrop} />`}
    ${state.value === "failed" && problem.value
      ? html`<${Trouble} problem=${problem.value} onAgain=${() => catalogue.load(options.value.model)} />`
      : html`<ul class="tiles" role="list">
          ${takesImages.value && !filtered() && own.value.map((image) => html`<${Tile} key=${image.id} style=${{ artist: null, year: null, ...image }} />`)}
          ${found.value.map((style) => html`<${Tile} key=${style.id} style=${style} />`)}
        </ul>`}
    ${state.value === "ready" && !found.value.length && html`<p class="soft nothing">No matching style.</p>`}
  </section>`;
}

/** Beside the photo, a file is a style image. @param {DragEvent} event */
function onDrop(event) {
  const [file] = event.dataTransfer?.files ?? [];
  if (!file) return;
  event.preventDefault();
  event.stopPropagation();
  bring(file);
}

/** Images of the reader's own have no title, artist or year to be found by. */
function filtered() {
  return search.value.trim() || artist.value || century.value;
}

function Filters() {
  const several = models.value.length > 1;
  return html`<form class="filters" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <label class="searching">
      <${Icon} name="search" />
      <input
        type="search"
        placeholder="Search ${styles.value.length || ""} styles"
        aria-label="Search the styles"
        value=${search.value}
        onInput=${(/** @type {any} */ event) => (search.value = event.currentTarget.value)}
      />
    </label>
    <div class="row">
      ${artists.value.length > 1 && html`<${Choice} name="Artist" all="All artists" of=${artists.value} chosen=${artist} />`}
      ${centuries.value.length > 1 && html`<${Choice} name="Century" all="All periods" of=${centuries.value} chosen=${century} />`}
      ${several && html`<${ModelChoice} />`}
    </div>
  </form>`;
}

/** @param {{name: string, all: string, of: string[], chosen: import("../vendor/signals.js").Signal<string>}} props */
function Choice({ name, all, of, chosen }) {
  return html`<select aria-label=${name} value=${chosen.value} onChange=${(/** @type {any} */ event) => (chosen.value = event.currentTarget.value)}>
    <option value="">${all}</option>
    ${of.map((value) => html`<option key=${value} value=${value}>${value}</option>`)}
  </select>`;
}

function ModelChoice() {
  const shown = options.value.model ?? models.value[0];
  return html`<select
    aria-label="Model"
    value=${shown}
    onChange=${(/** @type {any} */ event) => {
      const model = event.currentTarget.value;
      // Of styles that the other model may not have.
      const regions = options.value.regions.map((region) => ({ ...region, style: null }));
      settle({ model: model === models.value[0] ? null : model, styles: [], regions });
    }}
  >
    ${models.value.map((label) => html`<option key=${label} value=${label}>${label}</option>`)}
  </select>`;
}

/** @param {{style: import("../state/catalogue.js").Style}} props */
function Tile({ style }) {
  const item = useRef(/** @type {HTMLElement|null} */ (null));
  const preview = previewOf(style.id).value;
  const shares = options.value.styles;
  const chosen = shares.some(({ id }) => id === style.id);
  useEffect(() => watch(/** @type {HTMLElement} */ (item.current), style.id), [style.id]);
  const about = [style.artist, style.year].filter(Boolean).join(", ");
  return html`<li ref=${item} class="tile ${chosen ? "chosen" : ""}">
    <button class="tile-paint" title=${[style.title, about].filter(Boolean).join("\n")} aria-pressed=${chosen && shares.length === 1} onClick=${() => settle({ styles: [{ id: style.id, weight: 1 }] })}>
      <span class="tile-picture">
        <img class="tile-photo" src=${photo.value?.smallUrl} alt="" />
        ${preview && html`<img class="tile-preview" src=${preview} alt="" />`}
      </span>
      <span class="tile-title">${style.title}</span>
      ${about && html`<span class="tile-about">${about}</span>`}
    </button>
    <${AddButton} style=${style} chosen=${chosen} />
  </li>`;
}

/** @param {{style: import("../state/catalogue.js").Style, chosen: boolean}} props */
function AddButton({ style, chosen }) {
  const shares = options.value.styles;
  const last = chosen && shares.length === 1;
  const full = !chosen && shares.length >= MAX_STYLES;
  if (last || full) return null;
  const label = chosen ? `Remove ${style.title} from the blend` : `Blend with ${style.title}`;
  return html`<button class="tile-add" aria-label=${label} title=${label} onClick=${() => settle({ styles: toggled(shares, style.id) })}>
    <${Icon} name=${chosen ? "minus" : "plus"} />
  </button>`;
}

/** With equal weights: where the blend then goes is the pad's. @param {import("../state/options.js").Share[]} shares @param {string} id */
export function toggled(shares, id) {
  const others = shares.filter((share) => share.id !== id);
  const kept = others.length < shares.length ? others : [...shares, { id, weight: 1 }];
  return kept.map((share) => ({ ...share, weight: 1 / kept.length }));
}

/** Previews are painted for tiles that are seen. @param {HTMLElement} element @param {string} id */
function watch(element, id) {
  const observer = new IntersectionObserver(
    ([entry]) => {
      if (entry.isIntersecting) {
        visible.add(id);
        want(id);
      } else {
        visible.delete(id);
        unwant(id);
      }
    },
    // As far as one scrolls at once, beyond the gallery's own edges too where browsers know how.
    /** @type {any} */ ({ rootMargin: "400px", scrollMargin: "400px" }),
  );
  observer.observe(element);
  return () => {
    observer.disconnect();
    visible.delete(id);
    unwant(id);
  };
}
