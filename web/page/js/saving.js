// Data-saving mode: photos load only after a click. The browser's setting decides, until the user does.

const KEY = `softadastra-chat ${location.pathname} saving`;

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // The browser allows no storage.
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
    // The choice holds until the page is unloaded.
  }
  dispatchEvent(new Event('saving'));
}
