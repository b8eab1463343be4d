/** A painted clip beside its original, which is played in step with it. */
import { html, signal, useEffect, useRef } from "../view.js";
import { current, hasEnded, original, picture } from "../state/jobs.js";
import { Icon } from "./icon.js";
import { Moving } from "./moving.js";

const MODES = /** @type {const} */ ({ sides: "Side by side", single: "Painting" });
const mode = signal(/** @type {keyof typeof MODES} */ ("sides"));
// Of two films that have drifted apart; a smaller step would only make one of them stutter.
const DRIFT_SECONDS = 0.12;

export function ClipStage() {
  const job = current.value;
  const made = picture.value;
  const before = original.value;
  const busy = job !== null && !hasEnded(job);
  const painting = useRef(/** @type {HTMLVideoElement|null} */ (null));
  const clip = useRef(/** @type {HTMLVideoElement|null} */ (null));
  const both = before !== null && mode.value === "sides";
  useEffect(() => (painting.current && clip.current ? inStep(painting.current, clip.current) : undefined), [made?.url, before?.url, both]);
  return html`<section class="stage clip-stage" aria-label="Clip" aria-busy=${busy}>
    <div class="clip-panes ${both ? "two" : ""}">
      ${both &&
      html`<figure>
        <figcaption>Original</figcaption>
        <${Moving} url=${before.url} type=${before.type} label="The original clip" controls=${!made?.final} onFilm=${(/** @type {any} */ film) => (clip.current = film)} />
      </figure>`}
      <figure>
        <figcaption>${made?.final ? "Painting" : "Painting, so far"}</figcaption>
        ${made
          ? html`<${Moving} key=${made.final} url=${made.url} type=${made.blob.type} label=${made.final ? "The painted clip" : "The frame that was painted last"} controls=${true} plays=${true} onFilm=${(/** @type {any} */ film) => (painting.current = film)} />`
          : html`<p class="soft small-text moving-none">${waiting(job)}</p>`}
      </figure>
    </div>
    <div class="working" hidden=${!busy}></div>
    <div class="stage-bar" role="toolbar" aria-label="Compare">
      <div class="segments" role="group" aria-label="Compare">
        ${Object.entries(MODES).map(
          ([name, title]) => html`<button key=${name} aria-label=${title} title=${title} aria-pressed=${(both ? "sides" : "single") === name} disabled=${before === null && name === "sides"} onClick=${() => (mode.value = /** @type {keyof typeof MODES} */ (name))}>
            <${Icon} name=${name} /><span>${title}</span>
          </button>`,
        )}
      </div>
    </div>
    <p class="unseen" role="status">${job?.status === "done" ? "The clip is painted" : ""}</p>
  </section>`;
}

/** @param {any} job */
function waiting(job) {
  if (!job) return "…";
  if (job.status === "failed" || job.status === "cancelled") return "There is no painting.";
  return job.status === "done" ? "Loading…" : "The first frames come soon.";
}

/** Let one film follow what is done with another. @param {HTMLVideoElement} leader @param {HTMLVideoElement} follower @returns {() => void} to stop */
function inStep(leader, follower) {
  follower.muted = true; // the painting has the same sound
  const follow = () => {
    follower.playbackRate = leader.playbackRate;
    if (Math.abs(follower.currentTime - leader.currentTime) > DRIFT_SECONDS) follower.currentTime = leader.currentTime;
    if (leader.paused) follower.pause();
    else follower.play().catch(() => {}); // it stands still, then
  };
  const events = ["play", "pause", "seeked", "ratechange", "timeupdate"];
  for (const name of events) leader.addEventListener(name, follow);
  follow();
  return () => {
    for (const name of events) leader.removeEventListener(name, follow);
    follower.pause();
  };
}
