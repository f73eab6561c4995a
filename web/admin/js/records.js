// The sections with the webhooks and their deliveries, and with the audit log.

import { h } from '../../page/js/dom.js';
import { get, post } from './api.js';
import { number, time } from './figures.js';
import { card, form, older, table, tell } from './parts.js';

/** @param {any} state */
export function webhooks(state) {
  const log = h('div', {});
  const cards = state.webhooks.map((/** @type {any} */ hook) => {
    const said = h('p', { class: 'said', role: 'status' });
    const press = (/** @type {string} */ label, /** @type {() => Promise<string | void>} */ work) => h('button', { class: 'press small', onclick: () => tell(said, work) }, label);
    const status = hook.enabled ? hook.failing_since ? `fails since ${time(hook.failing_since)}` : 'works' : `disabled: ${hook.disabled_reason ?? 'by the staff'}`;
    return card(hook.description || hook.url, h('p', {}, `${hook.url} · ${hook.types.join(', ')} · ${status}`),
      h('div', { class: 'buttons' },
        press('Deliveries', () => deliveries(hook)),
        press('Send a test', async () => {
          const { status, ms, body } = await post(`admin/webhooks/${hook.id}/test`, {});
          return `${status ?? 'no answer'} after ${ms} ms: ${body}`;
        }),
        press('Send again what failed today', async () => {
          const { count } = await post(`admin/webhooks/${hook.id}/replay`, { since: new Date(Date.now() - 864e5).toISOString(), only: 'failed' });
          return `${number(count)} are sent again.`;
        })),
      said);
  });

  /** @param {any} hook @param {number} [before] */
  async function deliveries(hook, before) {
    const page = await get(`admin/webhooks/${hook.id}/deliveries?limit=50${before ? `&before=${before}` : ''}`);
    const rows = page.deliveries.map((/** @type {any} */ one) => [time(one.at), one.type, one.status, number(one.attempts), one.code ?? '–', one.ms === null ? '–' : number(one.ms), one.reply ?? '–']);
    log.replaceChildren(card(`Delivered to ${hook.description || hook.url}`, table('Deliveries', ['When', 'Event', 'Status', '#Tries', '#Code', '#ms', 'Answer'], rows, 'Nothing was.'), page.next && older(() => deliveries(hook, page.next))));
  }

  const none = h('section', { class: 'card' }, h('h2', {}, 'Webhooks'), h('p', {}, 'There is none.'));
  return { element: h('div', { class: 'wide' }, cards.length ? cards : none), shown: log };
}

export function audit() {
  const shown = h('div', {});
  const show = async (/** @type {number | undefined} */ before) => {
    const page = await get(`admin/audit?limit=50${before ? `&before=${before}` : ''}`);
    const rows = page.entries.map((/** @type {any} */ one) => [one.id, time(one.at), one.who, one.what, one.whom, one.from, one.why, one.detail]);
    shown.replaceChildren(card('Rows, newest first', table('Audit log', ['#Row', 'When', 'Who', 'What', 'Whom', 'From', 'Why', 'Detail'], rows, 'There is none.'), page.next && older(() => show(page.next))));
  };
  const read = form('Read', [], async () => show(undefined));
  return { element: card('The audit log', h('p', {}, 'That you read it is written into it, too. `softadastra-chat audit verify` verifies its chain.'), read), shown };
}
