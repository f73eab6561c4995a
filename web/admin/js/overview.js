// The section with the state of the node and of what it depends on, redrawn each second; and the section with its settings.

import { h } from '../../page/js/dom.js';
import { age, byLabel, millis, number, quantile, rate, total } from './figures.js';
import { card, figure, table } from './parts.js';

const STAGES = ['queue', 'commit', 'deliver'];

/** @param {any} state @param {any} before */
export function overview(state, before) {
  const now = (/** @type {string} */ name, /** @type {string} */ label = '') => total(state, name, label);
  const each = (/** @type {string} */ name, /** @type {string} */ label = '') => number(rate(before, state, name, label));
  const at = (/** @type {string} */ name, /** @type {number} */ part, /** @type {string} */ label = '') => millis(quantile(before, state, name, part, label));
  const behind = state.commit - state.released;
  const figures = [
    figure('Messages a second', each('chat_messages_stored_total'), `${number(now('chat_messages_stored_total'))} since the start`),
    figure('Connections', number(now('chat_connections')), `${each('chat_connections_opened_total')} opened a second`),
    figure('Users online here', number(now('chat_users_online')), `${number(now('chat_presence_remote'))} on other nodes`),
    figure('Commit, half of them', at('chat_commit_seconds', 0.5), `99 %: ${at('chat_commit_seconds', 0.99)}`),
    figure('Commits a second', each('chat_commit_seconds_count'), `${number(now('chat_commit_failures_total'))} have failed`),
    figure('Told of commits', behind ? `${number(behind)} behind` : 'all', `commit ${number(state.commit)}`),
    figure('Writes that wait', number(now('chat_storage_queue'))),
    figure('Requests a second', each('chat_http_requests_total')),
  ];
  const stages = STAGES.map(stage => [stage, at('chat_message_stage_seconds', 0.5, `stage="${stage}"`), at('chat_message_stage_seconds', 0.99, `stage="${stage}"`)]);
  const queues = [
    ['writes for storage', number(now('chat_storage_queue'))], ['messages to other nodes', number(now('chat_relay_queue'))],
    ['uploads under way', number(now('chat_uploads'))], ['threads awake', number(now('chat_threads_awake'))],
    ['slow readers, so far', number(now('chat_outbox_fell_behind_total'))],
  ];
  const nodes = state.nodes.map((/** @type {any} */ node) => [node.name + (node.name === state.node ? ' (this one)' : ''), node.draining ? 'draining' : node.beat > 10 ? 'silent' : 'lives', `${age(node.beat)} ago`, age(node.uptime), node.version]);
  const consumers = state.consumers.map((/** @type {any} */ one) => [one.name, one.enabled ? 'yes' : 'no', number(Math.max(0, state.commit - one.commit)), one.holder.split('#')[0] || '–']);
  const errors = byLabel(state, 'chat_errors_total', 'code').map(([code, count]) => [code, number(count), each('chat_errors_total', `code="${code}"`)]);
  const images = [
    ['made', number(now('chat_images_made_total'))], ['served', number(now('chat_images_served_total'))], ['swept', number(now('chat_images_swept_total'))],
    ['sweeps that stopped half-way', number(now('chat_image_sweep_failures_total'))], ['one takes, half of them', at('chat_image_seconds', 0.5)],
  ];
  return [
    state.trouble && h('p', { class: 'said bad', role: 'alert' }, state.trouble),
    h('dl', { class: 'cards' }, figures),
    h('div', { class: 'wide' },
      card('Nodes', table('Nodes', ['Node', 'State', '#Beat', '#Runs for', 'Version'], nodes, `This node, ${state.node}, is alone on its database.`)),
      card('Stages of a message', table('Stages of a message', ['Stage', '#Half of them', '#99 %'], stages, '')),
      card('Errors', table('Errors', ['Code', '#So far', '#A second'], errors, 'There was none since the start.')),
      card('Queues', table('Queues', ['What', '#Now'], queues, '')),
      card('Consumers of events', table('Consumers of events', ['Name', 'Log kept', '#Commits behind', 'Works on'], consumers, 'There is none.')),
      card('Images', table('Images', ['What', '#Number'], images, ''))),
  ];
}

/** Makes the section with the settings of the node. @param {any} state */
export function settings(state) {
  const set = Object.entries(state.settings).map(([name, value]) => [name, value]);
  return [card('Settings of this node', h('p', {}, `Version ${state.version}. Everything else has its default. Secrets are not shown.`), table('Settings', ['Setting', 'Value'], set, 'Nothing is set.'))];
}
