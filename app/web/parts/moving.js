/** What moves: a film, or an animation, which browsers show as a picture. */
import { html, useEffect, useRef, useState } from "../view.js";

/**
 * @param {{url: string, type: string, label: string, controls?: boolean, plays?: boolean, onFilm?: (film: HTMLVideoElement|null) => void}} props
 *   `plays`: from the start, without sound, unless the reader wants no motion; `onFilm` is told of the element
 */
export function Moving({ url, type, label, controls = false, plays = false, onFilm }) {
  const film = useRef(/** @type {HTMLVideoElement|null} */ (null));
  const [unplayable, fail] = useState(false);
  useEffect(() => {
    fail(false);
    onFilm?.(film.current);
    const element = film.current;
    if (element && plays && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      element.muted = true;
      element.play().catch(() => {}); // it has controls
    }
    return () => onFilm?.(null);
  }, [url]);
  if (unplayable) return html`<p class="soft small-text moving-none">This browser cannot play it.</p>`;
  if (type.startsWith("image/")) return html`<img class="moving" src=${url} alt=${label} onError=${() => fail(true)} />`;
  return html`<video ref=${film} class="moving" key=${url} src=${url} aria-label=${label} controls=${controls} loop playsinline preload="auto" onError=${() => fail(true)}></video>`;
}
