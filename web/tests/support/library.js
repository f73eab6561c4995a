// What a file of tests of the library stands on: a hub, clients that are closed after each test, and users whom no other test
// has. Importing it starts the hub before the file's tests, and ends it after them.

import { after, afterEach, before } from 'node:test';
import { Clients } from './clients.js';
import { Hub } from './hub.js';

/** @type {Hub} */
export let hub;
/** @type {Clients} */
export let clients;

before(async () => (clients = new Clients((hub = await Hub.start()))));
after(() => hub.end());
afterEach(() => clients.close());

let newest = 99;
/** The id of a user whom no other test has. */
export const person = () => ++newest;
export const pair = () => [person(), person()];
export const trio = () => [person(), person(), person()];

/** Sends a text over REST, under a key that is the text; returns the message. */
export const say = async (from, to, content) => (await hub.ask(from, 'POST', '/chat/send', { receiver_id: to, temp_id: `${content}`, content: `${content}` })).message;

/** The texts of a conversation, as the hub has them. */
export const stored = async (a, b) => (await hub.conversation(a, b)).map(message => message.content);
