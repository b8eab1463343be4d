/** Live painting: the camera's frames, how they are painted, and how fast. */
import { computed, effect, signal } from "../view.js";
import { askForKey, mayAskAgain } from "./access.js";
import { LiveSocket } from "./live-socket.js";
import { blendText } from "./options.js";
import { Problem } from "./service.js";

/** @typedef {import("./options.js").Share} Share */

export const SIZES = [256, 384, 512, 640];
/** Of the frames that are sent; what they lose, no painting shows. */
const QUALITY = 0.8;
/** Frames a second to hold by their size, where there is no time for both. */
export const RATES = { fluent: 25, sharp: 12 };
/** Over so many milliseconds rate and delay are measured. */
const WINDOW = 2000;

/** `starting`: until the first picture. */
export const state = signal(/** @type {"off"|"starting"|"running"} */ ("off"));
export const problem = signal(/** @type {Problem|null} */ (null));
export const shares = signal(/** @type {Share[]} */ ([]));
export const strength = signal(1);
export const color = signal(/** @type {"style"|"keep"} */ ("style"));
export const size = signal(384);
export const steady = signal(true);
export const rather = signal(/** @type {keyof typeof RATES} */ ("fluent"));
/** What was seen lately. `delay` is from the camera to the screen, in milliseconds. */
export const pace = signal(/** @type {{rate: number, delay: number, width: number, height: number}|null} */ (null));

export const wanted = computed(() => ({
  styles: blendText(shares.value),
  strength: strength.value,
  color: color.value,
  size: size.value,
  steady: steady.value,
  rate: RATES[rather.value],
}));

/** @type {LiveSocket|null} */
let socket = null;
/** @type {MediaStream|null} */
let camera = null;
/** @type {HTMLCanvasElement|null} */
let canvas = null;
/** @type {{at: number, delay: number}[]} */
let seen = [];
let turn = 0;

effect(() => {
  if (wanted.value.styles) socket?.choose(wanted.value);
});

/** Open the camera and a session. @param {HTMLCanvasElement} onto where the pictures are shown */
export async function start(onto) {
  stop();
  mayAskAgain();
  const mine = ++turn;
  problem.value = null;
  state.value = "starting";
  canvas = onto;
  try {
    const given = await openCamera();
    if (mine !== turn) return close(given);
    camera = given;
    const video = await playing(given);
    if (mine === turn) connect(video, mine);
  } catch (error) {
    if (mine === turn) end(/** @type {Problem} */ (error));
  }
}

export function stop() {
  turn++;
  socket?.close();
  if (camera) close(camera);
  socket = camera = canvas = null;
  seen = [];
  pace.value = null;
  state.value = "off";
}

/** @param {Problem} why */
function end(why) {
  stop();
  problem.value = why;
}

/** @param {HTMLVideoElement} video @param {number} mine */
function connect(video, mine) {
  const opened = new LiveSocket({
    onReady: ({ edge_pixels: most }) => {
      size.value = Math.min(size.value, most);
      opened.choose(wanted.value);
      watch(video, opened, mine);
    },
    onPicture: (blob, said) => show(blob, said, mine),
    onProblem: (told) => (problem.value = told),
    onEnd: async (why) => {
      if (mine !== turn) return;
      const onto = /** @type {HTMLCanvasElement} */ (canvas);
      end(why);
      if (why.slug === "unauthorized" && (await askForKey(why.detail, opened.usedKey))) start(onto);
    },
  });
  socket = opened;
}

/** Sends the camera's frames for as long as the session lasts. @param {HTMLVideoElement} video @param {LiveSocket} to @param {number} mine */
function watch(video, to, mine) {
  const sheet = document.createElement("canvas");
  const context = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d", { alpha: false }));
  let coding = false;
  let last = -1;
  // Not `requestVideoFrameCallback`, which is silent for a video that is not shown.
  const look = () => {
    if (mine !== turn) return;
    requestAnimationFrame(look);
    if (coding || !to.wantsFrame || !shares.value.length || video.currentTime === last) return;
    last = video.currentTime;
    const takenAt = performance.now();
    const scale = Math.min(1, size.value / Math.max(video.videoWidth, video.videoHeight));
    sheet.width = Math.round(video.videoWidth * scale);
    sheet.height = Math.round(video.videoHeight * scale);
    context.drawImage(video, 0, 0, sheet.width, sheet.height);
    coding = true;
    sheet.toBlob(
      (blob) => {
        coding = false;
        if (blob && mine === turn) to.send(blob, takenAt);
      },
      "image/jpeg",
      QUALITY,
    );
  };
  look();
}

/** @param {Blob} blob @param {import("./live-socket.js").Description & {sentAt: number}} said @param {number} mine */
async function show(blob, said, mine) {
  const picture = await createImageBitmap(blob);
  if (mine !== turn || !canvas) return picture.close();
  // The canvas keeps the size that was asked for: a film that is recorded of it has one size.
  const scale = size.value / Math.max(said.width, said.height);
  const [width, height] = [Math.round(said.width * scale), Math.round(said.height * scale)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d", { alpha: false })?.drawImage(picture, 0, 0, width, height);
  picture.close();
  state.value = "running";
  problem.value = null;
  measure(performance.now(), said);
}

/** @param {number} now @param {import("./live-socket.js").Description & {sentAt: number}} said */
function measure(now, { sentAt, width, height }) {
  seen = [...seen.filter(({ at }) => now - at < WINDOW), { at: now, delay: now - sentAt }];
  const span = now - seen[0].at;
  const delay = seen.reduce((sum, each) => sum + each.delay, 0) / seen.length;
  pace.value = { rate: span > 0 ? (1000 * (seen.length - 1)) / span : 0, delay, width, height };
}

/** @returns {Promise<MediaStream>} @throws {Problem} */
async function openCamera() {
  if (!navigator.mediaDevices) {
    throw trouble("no-camera", "Browsers give the camera only to pages from https:// addresses and from this machine.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, frameRate: { ideal: 30 } } });
  } catch (error) {
    throw refusal(/** @type {DOMException} */ (error));
  }
}

/** @param {DOMException} error */
function refusal({ name }) {
  if (name === "NotAllowedError") {
    return trouble("camera-refused", "The browser does not let this page use the camera. Allow it beside the address, and try again.");
  }
  if (name === "NotFoundError") return trouble("no-camera", "There is no camera. Connect one, and try again.");
  return trouble("camera-busy", "The camera cannot be used. Perhaps another program uses it.");
}

/** @param {string} slug @param {string} detail */
const trouble = (slug, detail) => new Problem({ slug, detail });

/** @param {MediaStream} stream */
async function playing(stream) {
  const video = document.createElement("video");
  Object.assign(video, { srcObject: stream, muted: true, playsInline: true });
  await video.play();
  return video;
}

/** @param {MediaStream} stream */
const close = (stream) => stream.getTracks().forEach((track) => track.stop());
