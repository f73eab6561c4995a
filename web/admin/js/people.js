// The sections of one user (profile, connections, threads, restrictions) and of one conversation, which is read for a reason.

import { h } from '../../page/js/dom.js';
import { get, post } from './api.js';
import { number, time } from './figures.js';
import { card, facts, field, form, older, table } from './parts.js';

/** @param {() => any} state */
export function people(state) {
  const shown = h('div', { class: 'wide' });
  const find = form('Show', [field('User', { name: 'id', inputmode: 'numeric', pattern: '[0-9]+', required: true })], async ({ id }) => {
    await show(Number(id));
  });

  /** @param {number} id */
  async function show(id) {
    const user = await get(`admin/users/${id}`);
    shown.replaceChildren(card(`User ${id}`, person(user)), card('Threads', threads(user)), restrictions(user));
  }

  /** @param {any} user */
  function restrictions(user) {
    const { suspended_until, reason, sessions_ended_at } = user.restriction ?? {};
    const suspended = suspended_until && Date.parse(suspended_until) > Date.now();
    const status = facts([
      ['Suspended', suspended ? `until ${time(suspended_until)}` : 'no'], ['Reason', reason], ['Sessions ended', time(sessions_ended_at)],
    ]);
    if (state()?.admin !== 'write') return card('Restrictions', status, h('p', {}, 'This hub lets the staff look, and change nothing (CHAT_ADMIN=write).'));
    const why = (/** @type {string} */ label) => field(label, { name: 'reason', required: true, maxlength: 500, autocomplete: 'off' }, true);
    const act = (/** @type {string} */ what, /** @type {object} */ body) => post(`admin/users/${user.user_id}/${what}`, body).then(() => show(user.user_id));
    return card('Restrictions', status,
      suspended
        ? form('Restore', [why('Why restore')], ({ reason }) => act('restore', { reason }))
        : form('Suspend', [field('Until', { name: 'until', type: 'datetime-local', required: true }), why('Why suspend')], ({ until, reason }) => act('suspend', { until: new Date(until).toISOString(), reason }), 'danger'),
      form('End sessions', [why('Why end the sessions')], ({ reason }) => act('end-sessions', { reason }), 'danger'));
  }

  return { element: h('div', { class: 'admin-main-part' }, card('A user', h('p', {}, 'What you look at is written into the audit log.'), find)), shown };
}

/** @param {any} user */
function person(user) {
  const { name, verified, role, locale, timezone, email } = user.profile ?? {};
  return facts([
    ['Name', name], ['Verified', user.profile ? verified ? 'yes' : 'no' : undefined], ['Role', role], ['Language', locale], ['Time zone', timezone], ['Mail', email],
    ['Online', user.online ? 'yes' : 'no'], ['Connections here', number(user.connections)], ['On other nodes', user.nodes.join(', ') || 'none'],
    ['Last seen', time(user.last_seen)], ['Unread', `${number(user.unread.messages)} messages, ${number(user.unread.notifications)} notifications`],
  ]);
}

/** @param {any} user */
function threads(user) {
  const rows = user.threads.map((/** @type {any} */ one) => [one.id, one.other?.name ? `${one.other.name} (${one.other_user_id})` : one.other_user_id, number(one.last_seq), number(one.unread), time(one.updated_at)]);
  return table('Threads', ['#Thread', 'With', '#Messages', '#Unread', 'Newest'], rows, 'The user has none.');
}

export function conversation() {
  const shown = h('div', {});
  const read = form('Read', [
    field('Thread', { name: 'id', inputmode: 'numeric', pattern: '[0-9]+', required: true }),
    field('Why it is read', { name: 'reason', required: true, maxlength: 500, autocomplete: 'off' }, true),
  ], async ({ id, reason }) => {
    shown.replaceChildren();
    await page(Number(id), reason);
  });

  /** @param {number} id @param {string} reason @param {number} [before] */
  async function page(id, reason, before) {
    const query = new URLSearchParams({ reason, ...(before && { before_seq: String(before) }) });
    const { messages, user_ids, has_more } = await get(`admin/threads/${id}?${query}`);
    shown.replaceChildren(card(`Thread ${id}, of users ${user_ids.join(' and ')}`, has_more && older(() => page(id, reason, messages[0].seq)), messages.map(message)));
  }

  return { element: h('div', { class: 'admin-main-part' }, card('A conversation', h('p', {}, 'Your reason is written into the audit log before anything is read.'), read)), shown };
}

/** @param {any} one */
function message(one) {
  const from = one.sender_id ? `user ${one.sender_id}` : 'the marketplace';
  const images = one.images.length ? `${one.images.length} picture${one.images.length > 1 ? 's' : ''}` : '';
  const text = one.deleted ? 'deleted' : one.content ?? one.card?.title ?? '';
  return h('div', { class: 'message' }, h('small', {}, `${one.seq} · ${from} · ${time(one.created_at)}${one.edited_at ? ' · edited' : ''}${images && ` · ${images}`}`), h('p', { dir: 'auto' }, text));
}
