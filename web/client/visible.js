/** Whether one looks at the page. */
export const visible = () => globalThis.document?.visibilityState !== 'hidden';
