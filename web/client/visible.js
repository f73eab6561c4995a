/** Whether the page is visible to the user. */
export const visible = () => globalThis.document?.visibilityState !== 'hidden';
