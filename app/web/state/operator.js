/** What the operator sees, polled while the view is open. */
import { signal } from "../view.js";
import { token } from "./access.js";
import { call, json, Problem } from "./service.js";

const POLL_MILLISECONDS = 2000;
const KEPT_SAMPLES = 90;

export const signedIn = signal(false);
export const problem = signal(/** @type {Problem|null} */ (null));
export const models = signal(/** @type {any[]} */ ([]));
export const styleImages = signal(/** @type {any[]} */ ([]));
export const jobs = signal(/** @type {any[]} */ ([]));
export const trainings = signal(/** @type {any[]} */ ([]));
export const ready = signal(/** @type {{models: string[], device: string, refused: Record<string, string>}|null} */ (null));
/** Figures of `/metrics` by name, and by name and labels. */
export const figures = signal(/** @type {Map<string, number>} */ (new Map()));
/** Megapixels queued, oldest first. */
export const waiting = signal(/** @type {number[]} */ ([]));

/** @param {string} secret @returns {Promise<boolean>} */
export async function signIn(secret) {
  token.value = secret;
  problem.value = null;
  try {
    models.value = (await asOperator("v1/admin/models")).models;
    signedIn.value = true;
  } catch (error) {
    token.value = "";
    problem.value = /** @type {Problem} */ (error);
  }
  return signedIn.value;
}

export function signOut() {
  token.value = "";
  signedIn.value = false;
  for (const list of [models, styleImages, jobs, trainings]) list.value = [];
}

/** @param {string} path @param {RequestInit} [request] @returns {Promise<any>} */
export const asOperator = (path, request) => json(path, { ...request, operator: true });

/** Do something, show why it failed, and poll again. @param {() => Promise<unknown>} act @returns {Promise<boolean>} */
export async function act(act) {
  problem.value = null;
  try {
    await act();
    return true;
  } catch (error) {
    problem.value = /** @type {Problem} */ (error);
    return false;
  } finally {
    await look();
  }
}

/** Poll. @returns {() => void} to stop */
export function follow() {
  let over = false;
  let timer = 0;
  const again = async () => {
    if (!document.hidden && signedIn.peek()) await look();
    if (!over) timer = setTimeout(again, POLL_MILLISECONDS);
  };
  again();
  return () => {
    over = true;
    clearTimeout(timer);
  };
}

async function look() {
  await Promise.all([lookAtLists(), lookAtLoad()]).catch((error) => {
    if (error instanceof Problem && error.status === 401) {
      signOut();
      problem.value = error;
    }
  });
}

async function lookAtLists() {
  const [known, brought, listed] = await Promise.all([
    asOperator("v1/admin/models"),
    asOperator("v1/admin/styles"),
    asOperator("v1/jobs?limit=50"),
  ]);
  models.value = known.models;
  styleImages.value = brought.styles;
  jobs.value = listed.jobs;
  // The list has only the newest loss, so running trainings are fetched whole.
  const shown = listed.jobs.filter((/** @type {any} */ job) => job.kind === "training").slice(0, 6);
  trainings.value = await Promise.all(shown.map(whole));
}

/** @param {any} job */
async function whole(job) {
  const before = trainings.peek().find(({ id }) => id === job.id);
  const same = before && before.status === job.status && before.progress === job.progress;
  return same ? before : asOperator(`v1/jobs/${job.id}`).catch(() => job);
}

async function lookAtLoad() {
  const answer = await fetchReady();
  ready.value = answer;
  const text = await (await call("metrics", { operator: true })).text();
  figures.value = read(text);
  waiting.value = [...waiting.value.slice(1 - KEPT_SAMPLES), figures.value.get("pastiche_queue_megapixels") ?? 0];
}

async function fetchReady() {
  try {
    return await asOperator("healthz/ready");
  } catch (error) {
    if (error instanceof Problem && error.status === 503) return null;
    throw error;
  }
}

/** Prometheus' text format. @param {string} text */
function read(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const parts = /^(\w+)(\{.*\})? (\S+)$/.exec(line);
    if (parts) found.set(parts[1] + (parts[2] ?? ""), Number(parts[3]));
  }
  return found;
}

/** Sum over all labels. @param {string} name */
export function figure(name) {
  let sum = 0;
  let there = false;
  for (const [key, value] of figures.value) {
    if (key !== name && !key.startsWith(`${name}{`)) continue;
    sum += value;
    there = true;
  }
  return there ? sum : null;
}
