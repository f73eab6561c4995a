// Two users whose pages are at two hubs, through the nginx that docs/OPERATIONS.md prints: they talk, see each other, and go on when a
// hub is killed, and when NATS is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Visitor } from './support/browser.js';
import { Nodes } from './support/nodes.js';
import { chromium } from './support/visitors.js';

/** Waits until a visitor sees the other one typing, who begins to. */
async function seesTyping(visitor, other) {
  await other.field.pressSequentially('hm');
  await visitor.page.locator('.conversation .bar-subtitle', { hasText: 'typing' }).waitFor();
  await other.field.fill('');
}

const sees = (visitor, name, presence) => visitor.page.locator('.thread', { hasText: name }).locator(`.presence${presence}`).waitFor();

test('users at two hubs talk, see each other online and typing, and go on when a hub is killed, and NATS', async () => {
  const nodes = await Nodes.start();
  const [one, two] = nodes.hubs;
  // nginx takes the hub with the fewest connections.
  const alice = await Visitor.open(chromium, nodes.link(1, 2));
  await alice.online();
  const bob = await Visitor.open(chromium, nodes.link(2, 1));
  await bob.online();
  await nodes.apart(bob);
  const said = [];
  /** One says something, and the other one reads it. */
  const says = async (from, to, text) => {
    said.push(text);
    await from.says(text);
    await Promise.all([from, to].map(visitor => visitor.reads(said)));
  };

  await says(alice, bob, 'Is the lamp still there?');
  await says(bob, alice, 'It is.');
  await alice.ticked('Seen');
  await Promise.all([sees(alice, 'Bob', '.online'), sees(bob, 'Alice', '.online')]);
  await seesTyping(alice, bob);
  await seesTyping(bob, alice);

  // The hub of one of them is killed: what is written meanwhile arrives, and the other one is told of no absence.
  await one.kill();
  await says(alice, bob, 'Sent while my hub was down.');
  await Promise.all([alice.online(), nodes.sockets(undefined, 2)]);
  await says(bob, alice, 'Heard at the other one.');
  await sees(bob, 'Alice', '.online');

  // It comes back, and a page that is loaded anew is there: across both hubs, typing is seen again.
  await one.run();
  await nodes.relay('up');
  await alice.page.reload();
  await Promise.all([alice.online(), alice.reads(said)]);
  await nodes.apart(alice);
  await seesTyping(bob, alice);

  // Without NATS messages cross by the database.
  await nodes.nats.end();
  await nodes.relay('down');
  await says(alice, bob, 'Without NATS.');
  await says(bob, alice, 'By the database.');
  await sees(alice, 'Bob', '.online');
  await nodes.nats.run();
  await nodes.relay('up');
  await seesTyping(alice, bob);

  // Hubs end one after another, and both pages stay.
  for (const hub of [two, one]) {
    const gone = new Promise(done => hub.process.once('exit', done));
    hub.process.kill('SIGTERM');
    await says(alice, bob, `Written while ${hub.settings.CHAT_NODE_NAME} ends.`);
    assert.equal(await gone, 0);
    await hub.run();
    await says(bob, alice, `${hub.settings.CHAT_NODE_NAME} is back.`);
  }
  for (const visitor of [alice, bob]) {
    assert.deepEqual(visitor.wrongs, []);
    assert.deepEqual(await visitor.violations(), []);
    await visitor.close();
  }
  assert.deepEqual((await one.conversation(1, 2)).map(message => message.content), said);
  await nodes.end();
});
