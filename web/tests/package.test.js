// What is shipped: its types, its size, that it is what the sources make, and that the hub carries it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { build } from '../build.js';
import { Hub } from './support/hub.js';

const KB = 1024;
const web = join(import.meta.dirname, '..');
const dist = join(web, 'dist');
let hub;
before(async () => (hub = await Hub.start()));
after(() => hub.end());

/** All files below a folder, by their paths within it. */
const walk = (folder, top = folder) => readdirSync(folder).flatMap(name => (statSync(join(folder, name)).isDirectory() ? walk(join(folder, name), top) : [relative(top, join(folder, name))])).sort();
const files = walk(dist);

/** Finds the one file of a folder that has this name and a digest. */
const named = (folder, name, ending = 'js') => files.filter(path => path.startsWith(`${folder}${name}-`) && path.endsWith(`.${ending}`)).join();
const address = path => `${hub.url}/${path === 'index.html' ? '' : path === 'admin/index.html' ? 'admin' : path}`;

/** How many bytes the hub sends a browser for files. */
const weight = async paths => (await Promise.all(paths.map(path => new Promise((done, fail) => {
  request(address(path), { headers: { 'accept-encoding': 'gzip' } }, answer => {
    let size = 0;
    if (answer.statusCode !== 200) fail(new Error(`${path}: ${answer.statusCode}`));
    answer.on('data', chunk => (size += chunk.length)).on('end', () => done(size));
  }).on('error', fail).end();
})))).reduce((sum, size) => sum + size, 0);

/** Holds the weight of files below a bound, which is a little above what they weigh. */
async function weighs(most, paths) {
  const bytes = await weight(paths);
  console.log(`${bytes} bytes, at most ${most}: ${paths.join(', ')}`);
  assert.ok(bytes <= most, `${bytes} bytes: ${paths.join(', ')}`);
}

test('the library is small, as it is served, and every module is one that can be read', async () => {
  await weighs(15.5 * KB, ['v1/chat-client.js']);
  for (const path of ['chat-client.js', ...readdirSync(join(web, 'client')).map(name => `client/${name}`)]) {
    const lines = readFileSync(join(web, path), 'utf8').split('\n').length;
    assert.ok(lines <= 400, `${path} has ${lines} lines`);
  }
});

test('the page is small: before the first conversation, in the longest language, and with all that comes when it is wanted', async () => {
  const first = ['index.html', named('assets/', 'early'), named('assets/', 'app'), named('assets/', 'element', 'css'), named('assets/', 'page', 'css'), named('assets/', 'ar')];
  await weighs(48.5 * KB, first);
  const others = files.filter(path => /^(assets\/|[\w-]+\.js)/.test(path) && !/^assets\/(en|fr|sw)-/.test(path));
  await weighs(64.5 * KB, [...new Set([...first, ...others])]);
});

test('the element weighs 45 KB at most, whichever its language: with its library and its style sheet', async () => {
  for (const language of ['en', 'fr', 'sw', 'ar']) await weighs(45_000, ['v1/element.js', named('v1/assets/', 'element', 'css'), named('v1/assets/', language)]);
});

test('what is kept in dist/ is what the sources make', async () => {
  const fresh = mkdtempSync(join(tmpdir(), 'chat-dist-'));
  await build(fresh);
  const made = walk(fresh);
  const remedy = 'run `npm run build --prefix web`';
  assert.deepEqual(files, made, remedy);
  for (const path of made) assert.ok(readFileSync(join(fresh, path)).equals(readFileSync(join(dist, path))), `${path}: ${remedy}`);
  rmSync(fresh, { recursive: true });
});

test('the hub carries every file of dist/, as it is here', async () => {
  for (const path of files) {
    const answer = await fetch(address(path), { headers: path === 'admin/index.html' ? { authorization: `Bearer ${hub.token(9, { role: 'admin' })}` } : {} });
    assert.equal(answer.status, 200, `${path} is missing in the binary`);
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(readFileSync(join(dist, path))), `${path} is another one in the binary: build it again`);
  }
});

test('code of others comes with its licence', () => {
  for (const [name, expected] of [['links', /linkify-it [\d.]+, MIT[^]*Puzrin[^]*uc\.micro [\d.]+, MIT/], ['esm', /blurhash [\d.]+, MIT/]]) {
    for (const folder of ['assets/', 'v1/assets/']) assert.match(readFileSync(join(dist, named(folder, name)), 'utf8'), expected);
  }
});

test('the types hold', () => {
  execFileSync(join(web, 'node_modules/.bin/tsc'), ['-p', web], { stdio: 'inherit' });
});

test('what would be published is the library and the elements, and nothing else', () => {
  const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: web, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const client = readdirSync(join(web, 'client')).map(name => `client/${name}`);
  const elements = files.filter(path => /^v1\/(element|assets\/)/.test(path)).map(path => `dist/${path}`);
  assert.deepEqual(pack.files.map(file => file.path).sort(), ['LICENSE', 'README.md', 'chat-client.d.ts', 'chat-client.js', ...client, ...elements, 'element.d.ts', 'images.d.ts', 'images.js', 'package.json'].sort());
  const { dependencies, name } = JSON.parse(readFileSync(join(web, 'package.json'), 'utf8'));
  assert.equal(name, '@softadastra/chat-client');
  assert.deepEqual(readFileSync(join(web, 'LICENSE')), readFileSync(join(web, '../LICENSE')));
  assert.equal(dependencies, undefined);
});
