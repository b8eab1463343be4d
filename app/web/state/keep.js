/** Photos of this visit, kept in this browser (IndexedDB) so that a reload loses nothing. */

const NAME = "pastiche-studio";
const STORE = "photos";
const DAY = 86_400_000;
const VISIT = "pastiche-visit";

/** Each tab is a visit of its own. */
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

/** @param {string} id @param {{file: Blob, name: string, sample: string|null}} photo */
export async function keep(id, photo) {
  try {
    await transact("readwrite", (store) => store.put({ ...photo, at: Date.now() }, `${visit}/${id}`));
  } catch {
    // Private windows and full disks: the page works without.
  }
}

/** @param {string} id @returns {Promise<{file: Blob, name: string, sample: string|null}|null>} */
export async function kept(id) {
  try {
    return (await transact("readonly", (store) => store.get(`${visit}/${id}`))) ?? null;
  } catch {
    return null;
  }
}

/** Forget what visits of yesterday have left. */
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
