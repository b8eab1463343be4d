/** Calls of the public API, relative to the page, so that they work behind a path prefix. */
import { signal } from "../view.js";
import { askForKey, key, token } from "./access.js";

const ROOT = new URL(".", document.baseURI);
const RETRY_SECONDS = 2;
const PROBE_MILLISECONDS = 1500;

/** Whether the service answers: false from a failed connection until the readiness check succeeds. */
export const reachable = signal(true);

/** A failed request: the service's problem (RFC 9457), or our own if it did not answer. */
export class Problem extends Error {
  /** @param {{status?: number, slug: string, title?: string, detail: string, retryAfter?: number|null, members?: object}} known */
  constructor({ status = 0, slug, title = "", detail, retryAfter = null, members = {} }) {
    super(detail);
    this.status = status;
    this.slug = slug;
    this.title = title;
    this.detail = detail;
    this.retryAfter = retryAfter;
    this.members = members;
  }

  /** Seconds until it is worth trying again, null if the same request would fail again. */
  get again() {
    if (this.slug === "unreachable") return RETRY_SECONDS;
    if (this.retryAfter !== null) return this.retryAfter;
    return [429, 502, 503, 504].includes(this.status) ? RETRY_SECONDS : null;
  }
}

/** The absolute address of a path such as `v1/styles`. @param {string} path */
export const address = (path) => new URL(path, ROOT);

/** Whether an error is a request that we ended ourselves. @param {unknown} error */
export const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";

/** @typedef {(url: URL, request: RequestInit & {headers: Headers}) => Promise<Response>} Send rejects as `fetch` does */

/**
 * The answer to a request; asks for an API key where one is needed.
 * @param {string} path
 * @param {RequestInit & {operator?: boolean, send?: Send}} [request] `operator`: with the operator's token in place of the
 *   key; `send`: in place of `fetch`
 * @returns {Promise<Response>}
 * @throws {Problem} for every response but 2xx.
 */
export async function call(path, request = {}) {
  const { operator = false, send = fetch, ...init } = request;
  for (;;) {
    const secret = operator ? token.value : key.value;
    const headers = new Headers(init.headers);
    if (secret) headers.set("Authorization", `Bearer ${secret}`);
    let response;
    try {
      response = await send(address(path), { ...init, headers });
    } catch (error) {
      if (isAbort(error)) throw error;
      lost();
      throw new Problem({ slug: "unreachable", detail: "The service does not answer." });
    }
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status !== 401 || operator || !(await askForKey(problem.detail, secret))) throw problem;
  }
}

/** @param {string} path @param {Parameters<typeof call>[1]} [request] @returns {Promise<any>} */
export async function json(path, request) {
  return (await call(path, request)).json();
}

/** @param {Response} response */
async function problemOf(response) {
  const retryAfter = Number.parseFloat(response.headers.get("Retry-After") ?? "");
  const known = {
    status: response.status,
    retryAfter: Number.isFinite(retryAfter) ? retryAfter : null,
    slug: `http-${response.status}`,
    title: response.statusText,
    // Perhaps an error page of a proxy.
    detail: response.status >= 500 ? "The service is not available." : `The request was refused (${response.status}).`,
  };
  try {
    const { type, title, detail, ...members } = await response.json();
    // Behind a path prefix, the type has it too.
    const slug = String(type).split("/").at(-1) ?? known.slug;
    return new Problem({ ...known, slug, title, detail, members });
  } catch {
    return new Problem(known);
  }
}

function lost() {
  if (!reachable.value) return;
  reachable.value = false;
  probe();
}

async function probe() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PROBE_MILLISECONDS));
    try {
      if ((await fetch(address("healthz/ready"))).ok) break;
    } catch {
      // Still unreachable.
    }
  }
  reachable.value = true;
}
