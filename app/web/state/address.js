/** The page's address holds the view, the options and the sample, so that a link shows the same. */
import { effect, signal } from "../view.js";
import { selected } from "./jobs.js";
import { dragging, options, read, settle, text } from "./options.js";
import { loading, photo, SAMPLES, takeSample } from "./photo.js";

/** Name of the view that is shown. */
export const view = signal("paint");

/** Those that show a job. */
const OF_JOBS = ["any", "video"];

/** What the address asks for: `#paint?photo=cat&styles=starry_night&strength=0.8`. */
function parts() {
  const [name, query = ""] = location.hash.slice(1).split("?");
  return { name: name || "paint", given: new URLSearchParams(query) };
}

/** Take over what the address has. @returns {boolean} whether it names a sample photo, which is being loaded then */
export function open() {
  const { name, given } = parts();
  view.value = name;
  if (given.has("styles")) settle(read(given));
  if (OF_JOBS.includes(name)) selected.value = given.get("job");
  const sample = given.get("photo");
  const known = SAMPLES.some(({ id }) => id === sample);
  if (known && photo.value?.sample !== sample) takeSample(String(sample));
  return known;
}

/** @param {string} name */
export function go(name) {
  view.value = name;
}

/** Keep the address and the page alike, both ways. */
export function follow() {
  effect(() => {
    const sample = photo.value?.sample;
    const how = options.value;
    const name = view.value;
    // A photo that is on its way is in the address already.
    if (dragging.value || loading.value) return;
    const query = how.styles.length ? text(how) : "";
    const job = OF_JOBS.includes(name) && selected.value;
    const all = [job && `job=${job}`, sample && `photo=${sample}`, query].filter(Boolean).join("&");
    const hash = `#${name}${all ? `?${all}` : ""}`;
    if (hash === location.hash) return;
    // Views are pages to go back to; options are undone with the page's own button.
    if (parts().name === name) history.replaceState(null, "", hash);
    else history.pushState(null, "", hash);
  });
  addEventListener("hashchange", open);
  addEventListener("popstate", open);
}
