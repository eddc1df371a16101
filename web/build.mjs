// Bundles the pages: TypeScript and styles in, hashed and compressed files out.
//
//   node build.mjs [--out DIR] [--embed DIR] [--fast]
//
// --out (default dist) gets the files, each also as .br and .gz; --embed gets assets.S and assets_table.cc, which put them into the
// binary (cmake/web.cmake, src/web/assets.h); what they name is relative to DIR, so that the folder may be moved. --fast leaves out the types' check. The build fails when a budget is exceeded.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const here = fileURLToPath(new URL('.', import.meta.url));
const flag = (name) => process.argv.includes(name);
const option = (name, fallback) => { const at = process.argv.indexOf(name); return at < 0 ? fallback : process.argv[at + 1]; };
const out = option('--out', join(here, 'dist'));
const budget = { script: 45 * 1024, style: 14 * 1024, first: 100 * 1024, page: 14 * 1024 };  // octets of gzip, fonts aside

const types = {
  '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.woff2': 'font/woff2',
  '.html': 'text/html; charset=utf-8', '.svg': 'image/svg+xml', '.txt': 'text/plain; charset=utf-8', '.yaml': 'application/yaml',
};
const hash = (bytes) => createHash('sha256').update(bytes).digest('base64url').slice(0, 10);

mkdirSync(join(here, 'gen'), { recursive: true });
execFileSync(process.execPath, [join(here, 'node_modules/openapi-typescript/bin/cli.js'), join(here, '../docs/openapi.yaml'), '-o', join(here, 'gen/schema.d.ts')],
  { stdio: ['ignore', 'ignore', 'inherit'] });
operations(join(here, '../docs/openapi.yaml'));
if (!flag('--fast')) execFileSync(process.execPath, [join(here, 'node_modules/typescript/bin/tsc'), '--noEmit', '-p', here], { stdio: 'inherit' });

const settings = {
  absWorkingDir: here, entryPoints: { app: 'src/main.tsx', style: 'src/style.css', theme: 'src/theme.ts' }, outdir: join(out, 'assets'), bundle: true, splitting: true,
  format: 'esm', target: ['chrome123', 'firefox120', 'safari17.5'], minify: true, metafile: true, entryNames: '[name]-[hash]', chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]', loader: { '.woff2': 'file' }, jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none', logLevel: 'warning',
};

/// What the page about the API shows: a list of the operations, made here so that the browser reads no YAML.
function operations(file) {
  const document = parse(readFileSync(file, 'utf8'));
  const named = (ref) => ref.split('/').pop();
  const parameter = (p) => p.$ref ? document.components.parameters[named(p.$ref)].name : p.name;
  const members = (schema) => !schema ? [] : schema.$ref ? members(document.components.schemas[named(schema.$ref)])
    : [...Object.keys(schema.properties ?? {}), ...(schema.allOf ?? []).flatMap(members)];
  const list = Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item).filter(([method]) => ['get', 'post', 'put', 'delete'].includes(method)).map(([method, o]) => ({
    method, path, tag: o.tags[0], summary: o.summary, parameters: (o.parameters ?? []).map(parameter), body: members(o.requestBody?.content['application/json'].schema),
    answers: Object.keys(o.responses), open: o.security?.length === 0 })));
  writeFileSync(join(here, 'gen/operations.json'), JSON.stringify(list));
}

async function once() {
  rmSync(out, { recursive: true, force: true });
  const result = await build(settings);
  const files = Object.entries(result.metafile.outputs).map(([path, info]) => ({ name: basename(path), path: join(here, path), info }));
  const named = (start, end) => files.find((f) => f.name.startsWith(start) && f.name.endsWith(end)).name;
  const fonts = files.filter((f) => f.name.endsWith('.woff2')).map((f) => f.name).sort();
  const html = readFileSync(join(here, 'src/index.html'), 'utf8')
    .replace('{{theme}}', `/app/assets/${named('theme', '.js')}`).replace('{{style}}', `/app/assets/${named('style', '.css')}`)
    .replace('{{script}}', `/app/assets/${named('app', '.js')}`)
    .replace('{{fonts}}', fonts.slice(0, 1).map((f) => `<link rel="preload" as="font" type="font/woff2" crossorigin href="/app/assets/${f}">`).join('\n'));
  // The two pages that strangers and link previews see have a head of their own.
  const heads = {
    index: ['Postern', 'Mail is received by policy, and every answer is explained.'],
    signin: ['Sign in · Postern', 'Sign in with your email address and your password.'],
    signup: ['Create account · Postern', 'Create account: an email address and a password of twelve characters.'],
  };
  for (const [name, [title, description]] of Object.entries(heads)) writeFileSync(join(out, `${name}.html`), html.replace('{{title}}', title).replace('{{description}}', description));
  cpSync(join(here, 'src/icon.svg'), join(out, 'assets/icon.svg'));
  cpSync(join(here, '../docs/openapi.yaml'), join(out, 'openapi.yaml'));
  licences();
  compress();
  weigh(files);
}

/// What the bundle holds of others, as it is served to whoever asks.
function licences() {
  const parts = ['preact', '@preact/signals', '@preact/signals-core', '@fontsource/inter', 'uqr'];
  const text = parts.map((name) => {
    const folder = join(here, 'node_modules', name);
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${version}\n\n${readFileSync(join(folder, 'LICENSE'), 'utf8').trim()}\n`;
  }).join(`\n${'-'.repeat(80)}\n\n`);
  writeFileSync(join(out, 'assets/licences.txt'), text);
}

function compress() {
  const assets = [];
  const walk = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap((e) => e.isDirectory() ? walk(join(folder, e.name)) : [join(folder, e.name)]);
  for (const path of walk(out).sort()) {
    const bytes = readFileSync(path);
    const compressed = extname(path) !== '.woff2';
    if (compressed) {
      writeFileSync(path + '.gz', gzipSync(bytes, { level: 9 }));
      writeFileSync(path + '.br', brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
    }
    assets.push({ path, name: relative(out, path), type: types[extname(path)], etag: hash(bytes), hashed: /-[A-Z0-9]{8}\.\w+$/.test(path), compressed });
  }
  const embed = option('--embed', null);
  if (!embed) return;
  const octets = (symbol, path) => `  .global ${symbol}\n${symbol}:\n  .incbin "${relative(embed, path)}"\n  .global ${symbol}_end\n${symbol}_end:\n`;
  const coded = (a, i) => a.compressed ? octets(`web_asset_${i}_gz`, a.path + '.gz') + octets(`web_asset_${i}_br`, a.path + '.br') : '';
  writeFileSync(join(embed, 'assets.S'), `  .section .rodata, "a", @progbits\n${assets.map((a, i) => octets(`web_asset_${i}`, a.path) + coded(a, i)).join('')}  .section .note.GNU-stack, "", @progbits\n`);
  const declared = (symbol) => `extern const char ${symbol}[], ${symbol}_end[];\n`;
  const view = (symbol) => `{${symbol}, ${symbol}_end}`;
  const row = (a, i) => `    {"${a.name}", "${a.type}", "\\"${a.etag}\\"", ${a.hashed}, ${view(`web_asset_${i}`)}, ${a.compressed ? `${view(`web_asset_${i}_gz`)}, ${view(`web_asset_${i}_br`)}` : '{}, {}'}},\n`;
  writeFileSync(join(embed, 'assets_table.cc'), `// Made by web/build.mjs.\n#include "web/assets.h"\n\nextern "C" {\n${assets.map((a, i) => declared(`web_asset_${i}`)
    + (a.compressed ? declared(`web_asset_${i}_gz`) + declared(`web_asset_${i}_br`) : '')).join('')}}\n\nnamespace postern::web {\n\nstd::span<const Asset> assets() {\n  static const Asset all[] = {\n${assets.map(row).join('')}  };\n  return all;\n}\n\n}  // namespace postern::web\n`);
}

function weigh(files) {
  const size = (name) => gzipSync(readFileSync(join(out, 'assets', name)), { level: 9 }).length;
  const app = files.find((f) => f.name.startsWith('app-') && f.name.endsWith('.js'));
  const loaded = new Set();
  const load = (f) => {
    if (!f || loaded.has(f.name)) return;
    loaded.add(f.name);
    for (const i of f.info.imports) if (i.kind === 'import-statement') load(files.find((g) => g.name === basename(i.path)));
  };
  load(app);
  const script = [...loaded].reduce((n, name) => n + size(name), 0);
  const style = files.filter((f) => f.name.endsWith('.css')).reduce((n, f) => n + size(f.name), 0);
  const pages = files.filter((f) => f.name.endsWith('.js') && !loaded.has(f.name) && !f.name.startsWith('theme')).map((f) => [f.name, size(f.name)]);
  const kb = (n) => (n / 1024).toFixed(1) + ' KB';
  console.log(`first load: script ${kb(script)}, style ${kb(style)}; pages on demand: ${pages.map(([n, s]) => `${n.replace(/-[A-Z0-9]{8}\.js$/, '')} ${kb(s)}`).join(', ')}`);
  const over = [];
  if (script > budget.script) over.push(`script ${kb(script)} > ${kb(budget.script)}`);
  if (style > budget.style) over.push(`style ${kb(style)} > ${kb(budget.style)}`);
  if (script + style > budget.first) over.push('first load');
  for (const [name, n] of pages) if (n > budget.page) over.push(`${name} ${kb(n)} > ${kb(budget.page)}`);
  if (over.length) { console.error('over budget (gzip): ' + over.join('; ')); process.exit(1); }
}

await once();
