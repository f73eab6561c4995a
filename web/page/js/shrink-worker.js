// Makes photos smaller, one after the other: several at once would take too much memory of a phone.

import { fitting } from '../../client/downscale.js';

let turn = Promise.resolve();

onmessage = ({ data: { id, file, edge } }) => {
  turn = turn.then(() => fitting(file, edge)).then(
    small => postMessage({ id, small: small === file ? undefined : small }),
    error => postMessage({ id, error: String(error) }),
  );
};
