/**
 * Conversations that outlive the page, in this browser's IndexedDB. A key is never here: it is a cookie that no script can see.
 *
 * Where the browser allows no storage they live as long as the page, and `lasts` says so.
 */

const NAME = "reckon-playground";
const VERSION = 1;
const TABLE = "conversations";
const OPEN = "reckon-playground-open";

export async function openStore() {
  try {
    return new Lasting(await opened());
  } catch {
    return new Fleeting();
  }
}

class Lasting {
  lasts = true;
  #database;

  constructor(database) {
    this.#database = database;
  }

  /** Newest first. */
  async all(model) {
    const found = await this.#ask("readonly", (table) => table.index("model").getAll(model));
    return found.sort((one, other) => other.updated - one.updated);
  }

  async put(conversation) {
    await this.#ask("readwrite", (table) => table.put(conversation));
  }

  async remove(id) {
    await this.#ask("readwrite", (table) => table.delete(id));
  }

  async #ask(mode, work) {
    return settled(work(this.#database.transaction(TABLE, mode).objectStore(TABLE)));
  }
}

class Fleeting {
  lasts = false;
  #kept = new Map();

  async all() {
    return [...this.#kept.values()].sort((one, other) => other.updated - one.updated);
  }

  async put(conversation) {
    this.#kept.set(conversation.id, structuredClone(conversation));
  }

  async remove(id) {
    this.#kept.delete(id);
  }
}

/** Which conversation this tab has open, so that a reload comes back to it. */
export const openOne = {
  get: () => attempt(() => sessionStorage.getItem(OPEN)),
  set: (id) => attempt(() => sessionStorage.setItem(OPEN, id)),
};

function attempt(work) {
  try {
    return work();
  } catch {
    return null;
  }
}

function opened() {
  const asked = indexedDB.open(NAME, VERSION);
  asked.onupgradeneeded = () => asked.result.createObjectStore(TABLE, { keyPath: "id" }).createIndex("model", "model");
  return settled(asked);
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
