/** The WebSocket of live painting: frames go out, pictures come back. Knows neither the camera nor the page. */
import { key } from "./access.js";
import { address, Problem } from "./service.js";

/** Frames without an answer: one is painted, and one waits, so that the service need not wait for the next. */
const MAX_UNANSWERED = 2;
/** A second frame is sent so many milliseconds before the first one's answer is due; a camera has a new one every 33. */
const SPARE_MILLISECONDS = 30;
/** Of what an answer tells about the next, beside those before it. */
const NEWEST = 0.2;
/** After a problem, so that one that lasts is not asked for again and again. */
const REST_MILLISECONDS = 500;
const PREFIX = "/problems/";

/**
 * @typedef {{frame: number, width: number, height: number, format: string, milliseconds: Record<string, number>}} Description
 * @typedef {{onPicture: (blob: Blob, said: Description & {sentAt: number}) => void, onProblem: (problem: Problem) => void,
 *   onEnd: (problem: Problem) => void, onReady: (limits: {edge_pixels: number}) => void}} Hearer
 */

export class LiveSocket {
  /** @param {Hearer} hearer `onProblem`: of a frame or of options; `onEnd`: nothing comes after it */
  constructor(hearer) {
    this.usedKey = key.value;
    this.ready = false;
    /** @type {Map<number, number>} when each frame without an answer was sent, by its number */
    this.unanswered = new Map();
    this.sent = 0;
    this.restsUntil = 0;
    /** What painting a frame takes, and what is lost on the way; null before the first answer. @type {{painting: number, way: number}|null} */
    this.pace = null;
    /** When a frame that is sent arrives just before the service is free for it. */
    this.due = 0;
    /** @type {Description|null} of the picture that comes next */
    this.coming = null;
    /** @type {Problem|null} */
    this.last = null;
    this.hearer = hearer;
    this.socket = new WebSocket(liveAddress(), protocols(key.value));
    this.socket.binaryType = "blob";
    this.socket.onmessage = ({ data }) => (typeof data === "string" ? this.hear(JSON.parse(data)) : this.see(data));
    this.socket.onclose = () => this.hearer.onEnd(this.last ?? unopened(this.ready));
  }

  /** Whether a frame that is sent now would not only wait behind others. */
  get wantsFrame() {
    const now = performance.now();
    if (!this.ready || this.socket.readyState !== WebSocket.OPEN || now < this.restsUntil) return false;
    // One that waits there shows what was a frame's time ago.
    return this.unanswered.size === 0 || (this.unanswered.size < MAX_UNANSWERED && now >= this.due);
  }

  /** @param {Blob} frame @param {number} takenAt when the camera saw it */
  send(frame, takenAt) {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.unanswered.set(++this.sent, takenAt);
    this.socket.send(frame);
  }

  /** @param {Record<string, string|number|boolean|null>} options */
  choose(options) {
    if (this.ready && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(options));
  }

  /** Without a word to the hearer. */
  close() {
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }

  /** @param {any} said */
  hear(said) {
    if (said.ready) {
      this.ready = true;
      this.hearer.onReady(said.ready);
    }
    if (said.picture) this.coming = said.picture;
    if (said.problem) {
      this.last = problemOf(said.problem);
      if (said.problem.frame) this.forget(said.problem.frame);
      this.restsUntil = performance.now() + REST_MILLISECONDS;
      this.hearer.onProblem(this.last);
    }
  }

  /** @param {Blob} data */
  see(data) {
    const said = this.coming;
    if (!said) return;
    const sentAt = this.unanswered.get(said.frame) ?? performance.now();
    this.last = null;
    this.forget(said.frame);
    this.note(performance.now(), sentAt, said.milliseconds);
    this.hearer.onPicture(data.slice(0, data.size, `image/${said.format}`), { ...said, sentAt });
  }

  /** Learn when the next answer is due. @param {number} now @param {number} sentAt @param {Record<string, number>} served */
  note(now, sentAt, { total, waited }) {
    const [painting, way] = [total - waited, now - sentAt - total];
    const before = this.pace ?? { painting, way };
    this.pace = {
      painting: before.painting + NEWEST * (painting - before.painting),
      way: before.way + NEWEST * (way - before.way),
    };
    this.due = now + this.pace.painting - this.pace.way - SPARE_MILLISECONDS;
  }

  /** The frame and those before it, which will have no answer any more. @param {number} frame */
  forget(frame) {
    for (const each of this.unanswered.keys()) if (each <= frame) this.unanswered.delete(each);
  }
}

function liveAddress() {
  const url = address("v1/live");
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/** A browser sends no header with a WebSocket, so the key comes as a protocol. @param {string} secret */
function protocols(secret) {
  const code = btoa(secret).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return ["pastiche.live", ...(secret ? [`pastiche.key.${code}`] : [])];
}

/** @param {any} problem */
function problemOf({ type, title, status, detail, retry_after: retryAfter = null, ...members }) {
  return new Problem({ slug: String(type).split(PREFIX).at(-1) ?? "", title, status, detail, retryAfter, members });
}

/** @param {boolean} ready whether the session had begun */
function unopened(ready) {
  const detail = ready ? "The connection to the service was lost." : "The service offers no live painting here.";
  return new Problem({ slug: "unreachable", detail });
}
