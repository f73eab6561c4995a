// Where unsent messages are kept: on disk, or in memory where there is none. One table, in the order of writing.

/** Opens a database of the browser. */
export async function disk(factory, name) {
  const result = asked => new Promise((done, fail) => {
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  });
  const opening = factory.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('outbox', { keyPath: 'n', autoIncrement: true });
  const db = await result(opening);
  return (how, ...args) => result(db.transaction('outbox', 'readwrite').objectStore('outbox')[how](...args));
}

export function memory() {
  const table = new Map();
  let n = 0;
  return (how, arg) => how === 'getAll' ? [...table.values()] : how === 'add' ? table.set(++n, arg) && n : table[how]?.(arg);
}
