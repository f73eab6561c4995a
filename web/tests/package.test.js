// What is shipped: its types, its size, and that the hub carries every file of the page.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { Hub } from './support/hub.js';

/** What the library may weigh, packed: what it does is measured, and this a little above. */
const LIBRARY = 36 * 1024;

/** A browser loads the words of one language; these are the longest. */
const WORDS = 'page/languages/ar.json';

const web = join(import.meta.dirname, '..');
const root = join(web, '..');
let hub;
before(async () => (hub = await Hub.start()));
after(() => hub.end());

/** The size of a file as the hub sends it to a browser. */
async function served(path) {
  const { request } = await import('node:http');
  return new Promise((done, fail) => {
    request(`${hub.url}/${path}`, { headers: { 'accept-encoding': 'gzip' } }, answer => {
      let size = 0;
      answer.on('data', chunk => (size += chunk.length)).on('end', () => done({ size, encoding: answer.headers['content-encoding'] }));
    }).on('error', fail).end();
  });
}

/** The modules of the library, as the page loads them. */
const modules = ['chat-client.js', ...readdirSync(join(web, 'client')).map(name => `client/${name}`)];

test('the library is small, as it is served, and every module is one that can be read', async () => {
  const sizes = await Promise.all(modules.map(served));
  assert.equal(sizes[0].encoding, 'gzip');
  const total = sizes.reduce((sum, { size }) => sum + size, 0);
  assert.ok(total <= LIBRARY, `${total} bytes`);
  for (const path of modules) {
    const lines = readFileSync(join(web, path), 'utf8').split('\n').length;
    assert.ok(lines <= 400, `${path} has ${lines} lines`);
  }
});

/** All files below a folder. */
const walk = folder => readdirSync(folder).flatMap(name => (statSync(join(folder, name)).isDirectory() ? walk(join(folder, name)) : [join(folder, name)]));

/** What a browser loads with a file: what it names, and all that this imports. */
function needed(file, found = new Set()) {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(web, file), 'utf8');
  // The icon of a home screen comes when the page is put there.
  const names = file.endsWith('.html') ? text.replace(/^.*rel="apple-touch-icon".*$/m, '').matchAll(/(?:href|src)="([^"]+)"/g) : file.endsWith('.js') ? text.matchAll(/^(?:import|export) [^;]*?from '(\.[^']+)'/gms) : [];
  for (const [, name] of names) needed(join(file, '..', name), found);
  return found;
}

test('the page is small, too: before the first conversation, and with all that comes when it is wanted', async () => {
  const size = async files => (await Promise.all(files.map(async file => (await served(file === 'index.html' ? '' : file)).size))).reduce((sum, size) => sum + size, 0);
  const first = needed('index.html').add(WORDS);
  assert.ok(first.has('client/outbox.js') && first.has('page/css/panels.css') && !first.has('page/js/links.js'), [...first].join());
  const files = [...walk(join(web, 'client')), ...walk(join(web, 'page'))].map(path => relative(web, path));
  const all = new Set([...first, ...files.filter(path => !path.startsWith('page/languages/'))]);
  for (const [files, most] of [[first, 80 * 1024], [all, 108 * 1024]]) {
    const total = await size([...files]);
    assert.ok(total <= most, `${total} bytes`);
  }
});

test('what is vendored is what npm has', async () => {
  const links = await Promise.all([import('../page/vendor/linkify-it.js'), import('linkify-it')]);
  const [mine, npms] = links.map(({ LinkifyIt }) => new LinkifyIt({ fuzzyLink: true, fuzzyEmail: true }));
  for (const text of ['see https://example.com/a?b=c, www.shop.fr and foo@bar.com', 'bücher.de (https://en.wikipedia.org/wiki/A_(b)) //x.org', 'nothing: 1.2.3']) {
    assert.deepEqual(JSON.parse(JSON.stringify(mine.match(text))), JSON.parse(JSON.stringify(npms.match(text))));
  }
  const [ours, theirs] = await Promise.all([import('../page/vendor/blurhash.js'), import('blurhash')]);
  for (const hash of ['T$GI#{qAl06_X8bHwtjsjvX3f#fl', 'LEHV6nWB2yk8pyo0adR*.7kCMdnj', '00OZZy']) {
    assert.deepEqual(ours.decode(hash, 32, 32), theirs.decode(hash, 32, 32));
  }
  assert.throws(() => ours.decode('<script>', 32, 32), { name: 'ValidationError' });
});

/** What is done by a file: scripts and styles are served without their comments and their indentation. */
const code = (file, text) => (/\.(js|css)$/.test(file) && !file.includes('/vendor/')
  ? text.replace(/^\s*\/\/.*$|\/\*[^]*?\*\/|\s\/\/ .*$/gm, '').replace(/\s+/g, '')
  : text);

test('the hub carries every file of the page, as it is here', async () => {
  const files = ['index.html', 'element.js', ...modules, ...walk(join(web, 'page')).map(path => relative(web, path))];
  for (const file of files) {
    const answer = await fetch(`${hub.url}/${file === 'index.html' ? '' : file}`);
    assert.equal(answer.status, 200, `${file} is missing in the binary`);
    assert.equal(code(file, await answer.text()), code(file, readFileSync(join(web, file), 'utf8')), `${file} is another one in the binary: build it again`);
  }
});

test('the types hold', () => {
  execFileSync(join(web, 'node_modules/.bin/tsc'), ['-p', web], { stdio: 'inherit' });
});

test('what would be published is the library and the elements, and nothing else', () => {
  const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: web, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const page = walk(join(web, 'page')).map(path => relative(web, path));
  assert.deepEqual(pack.files.map(file => file.path).sort(), ['README.md', 'chat-client.d.ts', ...modules, 'element.d.ts', 'element.js', 'images.d.ts', 'images.js', 'package.json', ...page].sort());
  const { dependencies, name } = JSON.parse(readFileSync(join(web, 'package.json'), 'utf8'));
  assert.equal(name, '@softadastra/chat-client');
  assert.equal(dependencies, undefined);
});
