// Whether data is saved: then photos are shown when they are asked for. The browser's own setting decides, until the user does.

const KEY = `softadastra-chat ${location.pathname} saving`;

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // The browser keeps nothing.
  }
}

let saving = stored() ? stored() === 'on' : Boolean(/** @type {any} */ (navigator).connection?.saveData);

export const isSaving = () => saving;

/** @param {boolean} on */
export function save(on) {
  saving = on;
  try {
    localStorage.setItem(KEY, on ? 'on' : 'off');
  } catch {
    // It holds until the page goes.
  }
  dispatchEvent(new Event('saving'));
}
