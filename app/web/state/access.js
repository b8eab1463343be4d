/** The API key, and the operator's token, which stays in this tab's memory. */
import { signal } from "../view.js";

const STORED = "pastiche-key";

/** @type {import("../vendor/signals.js").Signal<string>} */
export const key = signal(sessionStorage.getItem(STORED) ?? localStorage.getItem(STORED) ?? "");
export const token = signal("");

/** What the dialog asks: the service's message, and a function for the answer. Null while it is closed. */
export const question = signal(/** @type {{detail: string, used: string, answer: (given: boolean) => void}|null} */ (null));

/** @type {Promise<boolean>|null} */
let asked = null;
let refused = false;

/**
 * Ask for a key once, even if many requests need one.
 * @param {string} detail why the service refused
 * @param {string} used the key that was refused
 * @returns {Promise<boolean>} whether it is worth sending the request again
 */
export function askForKey(detail, used) {
  if (used !== key.value) return Promise.resolve(true);
  // After the dialog was closed without a key, previews do not open it again.
  if (refused && !asked) return Promise.resolve(false);
  asked ??= new Promise((resolve) => {
    question.value = {
      detail,
      used,
      answer: (given) => {
        question.value = null;
        asked = null;
        refused = !given;
        resolve(given);
      },
    };
  });
  return asked;
}

/** The next request that needs a key may ask again. */
export function mayAskAgain() {
  refused = false;
}

/** @param {string} value @param {boolean} remember in this browser, else in this tab */
export function setKey(value, remember) {
  key.value = value;
  localStorage.removeItem(STORED);
  sessionStorage.removeItem(STORED);
  if (value) (remember ? localStorage : sessionStorage).setItem(STORED, value);
}

/** Whether a header can carry it. @param {string} secret */
export const isSendable = (secret) => /^[\x21-\x7e]+$/.test(secret);
