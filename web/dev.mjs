// For work on the pages: serves them from the sources, everything else from a running gateway.
//
//   node web/dev.mjs [--port 8026] [--gateway 127.0.0.1:8025]
//
// Open http://127.0.0.1:8026/app/. A request for a page bundles the sources anew; reload to see a change.
import { createServer, request as ask } from 'node:http';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const option = (name, fallback) => { const at = process.argv.indexOf(name); return at < 0 ? fallback : process.argv[at + 1]; };
const port = Number(option('--port', '8026'));
const [host, gatewayPort] = option('--gateway', '127.0.0.1:8025').split(':');
const out = mkdtempSync(join(tmpdir(), 'postern-pages-'));
const types = { '.js': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2', '.svg': 'image/svg+xml', '.txt': 'text/plain' };
const csp = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'";

const newest = (folder) => Math.max(...readdirSync(folder, { withFileTypes: true, recursive: true }).filter((e) => e.isFile()).map((e) => statSync(join(e.parentPath ?? e.path, e.name)).mtimeMs));
let built = 0, building = null;
function fresh() {
  const stamp = newest(join(here, 'src'));
  if (stamp <= built) return Promise.resolve();
  building ??= new Promise((done) => execFile(process.execPath, [join(here, 'build.mjs'), '--out', out, '--fast'], (error, text, trouble) => {
    process.stdout.write(text + trouble);
    if (!error) built = stamp;
    building = null;
    done();
  }));
  return building;
}

createServer(async (req, res) => {
  const path = new URL(req.url, 'http://x').pathname;
  const page = req.method === 'GET' && path.startsWith('/app/') && path !== '/app/session';
  if (!page) {
    const up = ask({ host, port: gatewayPort, path: req.url, method: req.method, headers: req.headers }, (answer) => { res.writeHead(answer.statusCode, answer.headers); answer.pipe(res); });
    up.on('error', () => { res.writeHead(502); res.end(); });
    res.on('close', () => up.destroy());
    req.pipe(up);
    return;
  }
  await fresh();
  const asset = path.startsWith('/app/assets/') ? join(out, 'assets', path.slice(12).replaceAll('/', '')) : join(out, 'index.html');
  try {
    const octets = readFileSync(asset);
    res.writeHead(200, { 'Content-Type': types[extname(asset)] ?? 'text/html; charset=utf-8', 'Content-Security-Policy': csp, 'Cache-Control': 'no-store' });
    res.end(octets);
  } catch { res.writeHead(404); res.end(); }
}).listen(port, '127.0.0.1', function () { console.log(`http://127.0.0.1:${this.address().port}/app/`); });
