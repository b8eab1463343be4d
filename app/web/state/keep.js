/** Photos of this visit, kept in this browser (IndexedDB) so that a reload loses nothing. */

const NAME = "pastiche-studio";
const STORE = "photos";
const DAY = 86_400_000;
const VISIT = "pastiche-visit";

/** Each tab is its own visit. */
export const visit = sessionStorage.getItem(VISIT) ?? newVisit();

function newVisit() {
  const id = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  sessionStorage.setItem(VISIT, id);
  return id;
}

/** @type {Promise<IDBDatabase>|null} */
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/** @template T @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} act @returns {Promise<T>} */
async function transact(mode, act) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const request = act(database.transaction(STORE, mode).objectStore(STORE));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @typedef {{file: Blob, name: string, sample: string|null, reduced: boolean}} Kept */

/** @param {string} id of this visit's @param {Kept} photo */
export const keep = (id, photo) => put(`${visit}/${id}`, photo);
/** @param {string} id @returns {Promise<Kept|null>} */
export const kept = (id) => get(`${visit}/${id}`);
/** The photo or clip of a job, for all tabs. @param {string} job @param {Blob} file */
export const keepForJob = (job, file) => put(`jobs/${job}`, { file, name: "", sample: null, reduced: false });
/** @param {string} job @returns {Promise<Kept|null>} */
export const keptForJob = (job) => get(`jobs/${job}`);
/** @param {string} job */
export const unkeepForJob = (job) => transact("readwrite", (store) => store.delete(`jobs/${job}`)).catch(() => {});

/** @param {string} key @param {Kept} photo */
async function put(key, photo) {
  try {
    await transact("readwrite", (store) => store.put({ ...photo, at: Date.now() }, key));
  } catch {
    // In private windows and on full disks, the page works without it.
  }
}

/** @param {string} key @returns {Promise<Kept|null>} */
async function get(key) {
  try {
    return (await transact("readonly", (store) => store.get(key))) ?? null;
  } catch {
    return null;
  }
}

/** Delete what is left of visits before today. */
export async function forgetOld() {
  try {
    const keys = await transact("readonly", (store) => store.getAllKeys());
    for (const key of keys) {
      const photo = await transact("readonly", (store) => store.get(key));
      if (Date.now() - photo.at > DAY) await transact("readwrite", (store) => store.delete(key));
    }
  } catch {
    // As above.
  }
}
