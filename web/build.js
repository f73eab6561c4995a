// Makes dist/, which the hub embeds and serves as it is: `npm run build --prefix web`. It is kept in the repository, so that a build
// of the hub needs no Node.js; tests/package.test.js checks that it matches the sources. docs/adr/0029 has the reasons.
//
//   dist/        the page: index.html, its service worker, its other worker
//   dist/admin/  the admin view
//   dist/v1/     the library and the elements, for pages of other origins
//
// The files in a folder `assets/` have a digest of their content in their names, so that browsers may keep them for ever.

import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bundle } from 'lightningcss';
import { rolldown } from 'rolldown';

const web = import.meta.dirname;

/** The files that browsers and the manifest request by fixed names. */
const COPIED = ['page/icon-192.png', 'page/icon-maskable.svg', 'page/icon.svg', 'page/manifest.webmanifest'];

/** The scripts that the page runs while the others still load. */
const EARLY = { name: 'early', test: /\/(early|chosen|language|session)\.js$/ };

/** The oldest browsers for which style sheets are written: those of December 2023 that know popovers and `:dir()`. */
const BROWSERS = { chrome: 120 << 16, firefox: 125 << 16, safari: 17 << 16 };

/** Returns the content of a style sheet with all that it imports, or of a picture. @param {string} path */
const content = path => (path.endsWith('.css') ? bundle({ filename: path, minify: true, targets: BROWSERS }).code : readFileSync(path));

/** Resolves imports that are no scripts: of a style sheet or a picture to its address, of a catalogue (JSON) to its texts. */
const imports = {
  name: 'imports',
  load(/** @type {string} */ id) {
    if (id.endsWith('.json')) return { code: `export default ${JSON.stringify(JSON.parse(readFileSync(id, 'utf8')))};`, moduleType: 'js' };
    if (!/\.(css|svg)$/.test(id)) return null;
    const file = this.emitFile({ type: 'asset', name: basename(id), source: content(id) });
    return { code: `export default import.meta.ROLLUP_FILE_URL_${file};`, moduleType: 'js' };
  },
};

/** Emits a document, with the addresses of its built scripts, style sheets and icon in place of their sources. @param {string} path */
const page = path => ({
  name: 'page',
  generateBundle(/** @type {any} */ _, /** @type {Record<string, any>} */ made) {
    const text = readFileSync(join(web, path), 'utf8').replace(/(href|src)="([^"]+\.(?:css|js|svg))"/g, (_, attribute, name) => {
      const source = join(web, name);
      const script = name.endsWith('.js') && Object.values(made).find(({ moduleIds }) => moduleIds?.includes(source));
      const address = script ? script.fileName : this.getFileName(this.emitFile({ type: 'asset', name: basename(name), source: content(source) }));
      return `${attribute}="${address}"`;
    });
    this.emitFile({ type: 'asset', fileName: path, source: text });
  },
});

/** Names the packages whose code a file has, as their licences ask for. @param {{moduleIds: string[]}} chunk */
function notices({ moduleIds }) {
  const packages = new Set(moduleIds.map(id => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0]).filter(folder => folder));
  return [...packages].sort().map(folder => {
    const { name, version, license, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `/*! ${name} ${version}, ${license}, ${repository.url ?? repository} ${copyright(folder)}*/`;
  }).join('\n');
}

/** @param {string} folder of a package */
function copyright(folder) {
  const licence = readdirSync(folder).find(file => /^licen[cs]e/i.test(file));
  const [line] = /^Copyright .*$/m.exec(licence ? readFileSync(join(folder, licence), 'utf8') : '') ?? [];
  return line ? `${line} ` : '';
}

/**
 * Bundles scripts: each with everything that it imports statically; dynamic imports become files of their own.
 * @param {string} dist
 * @param {Record<string, string>} input sources by name
 * @param {object} how
 * @param {string} [how.assets] the folder of the files that browsers keep for ever
 * @param {string[]} [how.fixed] the scripts that keep their names, because others request them by name
 * @param {any[]} [how.plugins]
 * @param {Record<string, string>} [how.define]
 * @param {{name: string, test: RegExp}[]} [how.groups] modules that become files of their own
 * @returns {Promise<string[]>} the files
 */
async function scripts(dist, input, { assets = 'assets', fixed = [], plugins = [], define = {}, groups = [] }) {
  const build = await rolldown({ cwd: web, input, platform: 'browser', preserveEntrySignatures: 'allow-extension', plugins: [imports, ...plugins], transform: { define } });
  const { output } = await build.write({
    dir: dist,
    minify: true,
    entryFileNames: ({ name }) => (fixed.includes(name) ? '[name].js' : `${assets}/[name]-[hash].js`),
    chunkFileNames: `${assets}/[name]-[hash].js`,
    assetFileNames: `${assets}/[name]-[hash][extname]`,
    comments: false, // the notices come after the code was minified
    postBanner: notices,
    codeSplitting: { groups },
  });
  await build.close();
  return output.map(({ fileName }) => fileName);
}

/** @param {string} dist */
export async function build(dist) {
  rmSync(dist, { recursive: true, force: true });
  const files = [
    ...await scripts(dist, { app: 'page/js/app.js' }, { plugins: [page('index.html')], groups: [EARLY] }),
    ...await scripts(dist, { 'shrink-worker': 'page/js/shrink-worker.js' }, { fixed: ['shrink-worker'] }),
  ];
  for (const path of COPIED) {
    mkdirSync(dirname(join(dist, path)), { recursive: true });
    copyFileSync(join(web, path), join(dist, path));
  }
  await scripts(dist, { 'service-worker': 'service-worker.js' }, { fixed: ['service-worker'], define: kept(dist, [...files, ...COPIED]) });
  await scripts(dist, { admin: 'admin/js/app.js' }, { assets: 'admin/assets', plugins: [page('admin/index.html')] });
  await scripts(join(dist, 'v1'), { element: 'element.js' }, { fixed: ['element'] });
  await scripts(join(dist, 'v1'), { 'chat-client': 'chat-client.js', images: 'images.js' }, { fixed: ['chat-client', 'images'] });
}

/** Defines for the service worker its files, and a version that changes with them. @param {string} dist @param {string[]} files */
function kept(dist, files) {
  const digest = createHash('sha256');
  for (const file of files.sort()) digest.update(file).update(readFileSync(join(dist, file)));
  const addresses = files.map(file => (file === 'index.html' ? './' : file));
  return { VERSION: JSON.stringify(digest.digest('base64url').slice(0, 16)), FILES: JSON.stringify(addresses) };
}

if (process.argv[1] === import.meta.filename) await build(join(web, 'dist'));
