// The tests tested: a page that is right passes, and every fault planted in it is found by the check that is there for it.
import { createServer } from 'node:http';
import { settleWithin } from './actions.mjs';
import { sound } from './hostile.mjs';
import { built, inspect, seen, sideways } from './pages.mjs';
import { check, failuresOf, piece } from './report.mjs';
import { Session } from './session.mjs';

const right = { headers: { 'Content-Security-Policy': "default-src 'self'" }, script: '', style: '',
  html: `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Right · Postern</title><link rel="icon" href="/icon"><link rel="stylesheet" href="/style.css"><script type="module" src="/script.js"></script></head>
    <body><main><h1>Right</h1><form><label for="f">Name</label> <input id="f"></form><p class="told">Text of a stranger.</p></main></body></html>` };
const css = ':root { color-scheme: light dark; color: CanvasText; background: Canvas; } p { overflow-wrap: anywhere; }';

const html = (from, to) => (page) => ({ ...page, html: page.html.replace(from, to) });
const script = (text) => (page) => ({ ...page, script: text });
const style = (text) => (page) => ({ ...page, style: text });
const open = (next) => (page) => ({ ...next(page), headers: {} });
// What is planted, how, and what must be said of it.
const faults = [
  ['a second h1', html('<form>', '<h1>Again</h1><form>'), /2 h1/],
  ['no title', html('Right · Postern', 'Right'), /the title is/],
  ['a style attribute', html('<form>', '<form style="color:red">'), /style attributes|content policy/],
  ['a handler as text', open(html('<form>', '<form onsubmit="return false">')), /1 handlers/],
  ['an inline script', html('<form>', '<script>window.a = 1</script><form>'), /content policy/],
  ['a field without a label', html('<label for="f">Name</label>', ''), /axe label/],
  ['grey on white', style('@media (prefers-color-scheme: light) { p { color: #bbb; } }'), /axe color-contrast/],
  ['grey on black, in the dark only', style('@media (prefers-color-scheme: dark) { p { color: #444; } }'), /axe color-contrast/],
  ['small print on phones only', style('@media (max-width: 340px) { p { color: #bbb; background: #fff; } }'), /axe color-contrast/],
  ['a wide box on phones only', style('@media (max-width: 340px) { p { width: 400px; } }'), /320 px: scrolls sideways/],
  ['a wide box on desks only', style('@media (min-width: 1200px) { p { width: 1400px; } }'), /1280 px: scrolls sideways/],
  ['an image without words', html('<form>', '<img src="/icon"><form>'), /axe image-alt/],
  ['two targets too close', html('<form>', '<p class="tiny"><button>a</button><button>b</button></p><form>'), /axe target-size/],
  ['an error in the console', script('console.error("odd")'), /console: odd/],
  ['a script that fails', script('nothing.at.all'), /a script failed/],
  ['a dialog', script('alert("hello")'), /a script dialog opened/],
  ['a request that leaves', open(script('void fetch("http://127.0.0.1:1/x").catch(() => null)')), /a request left the origin/],
  ['an answer 500', script('void fetch("/broken")'), /GET \/broken answered 500/],
  ['markup of a stranger', open(html('Text of a stranger.', '<img src="/icon" alt="">')), /elements and 0 scripts of a stranger/],
  ['a script of a stranger', open(html('Text of a stranger.', '<script>window.pwned = 1</script>')), /a script ran/],
  ['a link of a stranger', html('Text of a stranger.', '<a href="//evil.example/">x</a>'), /leads to http:\/\/evil/],
  ['text turned around', html('Text of a stranger.', 'invoice\u202efdp.exe'), /U\+202E/],
];

export default async function planted(browser) {
  let page = right;
  const answers = { '/': () => ['text/html', page.html], '/style.css': () => ['text/css', css + '.tiny button { padding: 0; border: 0; font-size: 8px; margin: 0; }' + page.style], '/script.js': () => ['text/javascript', page.script], '/icon': () => ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"/>'] };
  const server = createServer((req, res) => {
    const [type, text] = answers[req.url]?.() ?? ['text/plain', ''];
    res.writeHead(text === '' && req.url !== '/script.js' ? 500 : 200, { 'Content-Type': `${type}; charset=utf-8`, ...page.headers });
    res.end(text);
  });
  const port = await new Promise((go) => server.listen(0, '127.0.0.1', () => go(server.address().port)));
  const one = await Session.open(browser, 'planted', { base: `http://127.0.0.1:${port}` });
  const found = (look, wanted) => failuresOf(async () => {
    await one.again('planted');
    await one.open('/');
    await sound(one, '/');
    await look(one);
  }, wanted);
  /** The check that is there for a fault. */
  const lookFor = (wanted) => /axe/.test(wanted.source) ? seen : /sideways/.test(wanted.source) ? sideways : built;
  await piece('planted: a right page passes, every planted fault is found', async () => {
    const said = await found(async () => { await one.page.waitForLoadState('networkidle'); await inspect(one); });
    check('planted', said.length === 0, `the right page fails: ${said[0]}`);
    settleWithin(200);  // what is planted stays: to wait longer for it to go says nothing
    for (const [name, plant, wanted] of faults) {
      page = plant(right);
      const said = await found(lookFor(wanted), wanted);
      check('planted', said.some((text) => wanted.test(text)), `"${name}" is not found; said: ${said.join(' | ').slice(0, 300) || 'nothing'}`);
    }
  });
  settleWithin();
  await one.close();
  server.close();
}
