/** Records what a canvas shows to a file. */
import { signal } from "../view.js";

/** In the order of preference: the second one is what Safari has. */
const TYPES = ["video/webm;codecs=vp9", "video/webm", "video/mp4"];
const BITS_PER_SECOND = 6_000_000;

export const recording = signal(false);
/** The last film, as the address of a file. */
export const film = signal(/** @type {{url: string, name: string}|null} */ (null));

/** @type {MediaRecorder|null} */
let recorder = null;

export const canRecord = () => typeof MediaRecorder !== "undefined" && TYPES.some((type) => MediaRecorder.isTypeSupported(type));

/** @param {HTMLCanvasElement} canvas */
export function record(canvas) {
  discard();
  const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
  /** @type {Blob[]} */
  const parts = [];
  const started = new MediaRecorder(canvas.captureStream(), { mimeType, videoBitsPerSecond: BITS_PER_SECOND });
  started.ondataavailable = ({ data }) => data.size && parts.push(data);
  started.onstop = () => {
    recording.value = false;
    if (!parts.length) return;
    const [type] = started.mimeType.split(";");
    film.value = { url: URL.createObjectURL(new Blob(parts, { type })), name: `pastiche-live.${type.replace("video/", "")}` };
  };
  recorder = started;
  // In pieces: what was recorded is there even if the last one fails.
  started.start(1000);
  recording.value = true;
}

export function finish() {
  if (recorder?.state === "recording") recorder.stop();
  recorder = null;
}

function discard() {
  if (film.value) URL.revokeObjectURL(film.value.url);
  film.value = null;
}
