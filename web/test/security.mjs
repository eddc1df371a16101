// What the pages and their session must withstand. All that is the server's goes to the gateway itself, never to web/dev.mjs.
import { createServer } from 'node:http';
import { until } from './actions.mjs';
import { operator } from './demo.mjs';
import { check, piece } from './report.mjs';
import { Session } from './session.mjs';
import { Account, password, word, world } from './world.mjs';

const base = world.gateway;
const json = { 'Content-Type': 'application/json' };
const signIn = async (account, headers = {}) => {
  const answer = await fetch(base + '/app/session', { method: 'POST', body: JSON.stringify({ email: account.email, password: account.password }), headers: { ...json, Origin: base, ...headers } });
  const set = answer.headers.get('set-cookie') ?? '';
  return { answer, set, cookie: set.split(';')[0], csrf: answer.ok ? (await (await fetch(base + '/app/session', { headers: { Cookie: set.split(';')[0] } })).json()).csrf_token : '' };
};
const is = (what, status, wanted) => check('security', [wanted].flat().includes(status), `${what}: expected ${wanted}, got ${status}`);

export default async function security(browser) {
  await operator();
  const account = await Account.make(), other = await Account.make();
  await piece('security: writes need the token of their own session', () => forgery(account, other));
  await piece('security: a form and a script of another origin change nothing', () => elsewhere(browser, account));
  await piece('security: no page stands in a frame', () => framed(browser, account));
  await piece('security: the cookie, and fixed sessions', () => cookies(browser, account));
  await piece('security: sign-in leads to these pages only, and tells nothing', () => signing(browser, account));
  await piece('security: no secret in storage, address or reach of scripts', () => secrets(browser, account));
  await piece('security: headers', headers);
  await piece('security: the first load over the wire', () => weight(browser));
}

async function forgery(account, other) {
  const mine = await signIn(account), theirs = await signIn(other);
  const post = (more) => fetch(base + '/api/v1/smtp-policies', { method: 'POST', body: '{"name":"forged"}', headers: { ...json, Cookie: mine.cookie, ...more } }).then((a) => a.status);
  is('cookie without a token', await post({}), 403);
  is('cookie with the token of another session', await post({ 'X-CSRF-Token': theirs.csrf }), 403);
  is('cookie with an empty token', await post({ 'X-CSRF-Token': '' }), 403);
  is('foreign origin with the token', await post({ 'X-CSRF-Token': mine.csrf, Origin: 'https://evil.example' }), 403);
  is('origin null with the token', await post({ 'X-CSRF-Token': mine.csrf, Origin: 'null' }), 403);
  is('another port with the token', await post({ 'X-CSRF-Token': mine.csrf, Origin: 'http://127.0.0.1:1' }), 403);
  is('a form in the body', await post({ 'X-CSRF-Token': mine.csrf, Origin: base, 'Content-Type': 'text/plain' }), 415);
  is('signing in from a foreign origin', (await signIn(account, { Origin: 'https://evil.example' })).answer.status, 403);
  is('signing out without the token', (await fetch(base + '/app/session', { method: 'DELETE', headers: { Cookie: mine.cookie } })).status, 403);
  check('security', (await account.get('/smtp-policies')).total === 0, 'a forged policy was made');
  is('cookie with its token', await post({ 'X-CSRF-Token': mine.csrf, Origin: base }), 201);
}

/** A server of a stranger. 127.0.0.1 with another port is the same site to browsers: the strict cookie travels along. */
function stranger(pages) {
  const server = createServer((req, res) => { res.setHeader('Content-Type', 'text/html'); res.end(pages[req.url] ?? ''); });
  return new Promise((go) => server.listen(0, '127.0.0.1', () => go({ port: server.address().port, close: () => server.close() })));
}

async function elsewhere(browser, account) {
  const before = (await account.get('/smtp-policies')).total;
  const server = await stranger({
    '/form': `<form method="post" enctype="text/plain" action="${base}/api/v1/smtp-policies"><input name='{"name":"by a form","x":"' value='"}'></form><script>document.forms[0].submit()</script>`,
    '/script': `<script>window.done = Promise.all([fetch('${base}/api/v1/smtp-policies', { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"name":"by a script"}' }).then(() => 'sent', String),
      fetch('${base}/api/v1/smtp-policies', { method: 'POST', credentials: 'include', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': 'x' }, body: '{"name":"by a script"}' }).then(() => 'read', String),
      fetch('${base}/app/session', { credentials: 'include' }).then((a) => a.text(), String)])</script>`,
  });
  try {
    const context = await browser.newContext();
    await context.request.post(base + '/app/session', { data: { email: account.email, password }, headers: { Origin: base } });
    const page = await context.newPage();
    for (const host of ['127.0.0.1', 'localhost']) {
      const answer = page.waitForResponse((r) => r.request().method() === 'POST');
      await page.goto(`http://${host}:${server.port}/form`);
      is(`a form of ${host}`, (await answer).status(), [401, 403, 415]);
      await page.goto(`http://${host}:${server.port}/script`);
      const [, read, session] = await page.evaluate(() => window.done);
      check('security', /Failed to fetch/.test(read) && /Failed to fetch/.test(session), `a script of ${host} reads answers: ${read}, ${session.slice(0, 80)}`);
    }
    await context.close();
  } finally { server.close(); }
  check('security', (await account.get('/smtp-policies')).total === before, 'another origin made a policy');
}

async function framed(browser, account) {
  const server = await stranger({ '/': `<h1>Win a prize</h1><iframe src="${base}/app/webhooks" width="800" height="600"></iframe><iframe src="${base}/app/signin"></iframe><object data="${base}/app/signin" type="text/html"></object>` });
  try {
    const context = await browser.newContext();
    await context.request.post(base + '/app/session', { data: { email: account.email, password }, headers: { Origin: base } });
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${server.port}/`);
    await page.waitForTimeout(600);
    const frames = page.frames().slice(1);
    check('security', frames.length >= 2, 'there are no frames to look into');
    for (const frame of frames) {
      check('security', !frame.url().startsWith(base) && await frame.locator('input, nav').count() === 0, `a frame shows ${frame.url()}`);
    }
    await context.close();
  } finally { server.close(); }
}

async function cookies(browser, account) {
  const first = await signIn(account), second = await signIn(account);
  for (const word of ['; HttpOnly', '; SameSite=Strict', '; Path=/']) check('security', first.set.includes(word), `the cookie lacks "${word}": ${first.set.replace(/=[^;]+/, '=…')}`);
  check('security', !/domain=/i.test(first.set), 'the cookie names a domain');
  check('security', first.cookie !== second.cookie, 'two sign-ins have the same cookie');
  const name = first.cookie.split('=')[0], read = (cookie) => fetch(base + '/app/session', { headers: { Cookie: cookie } }).then((a) => a.status);
  // Fixation: what a stranger put there before the sign-in is not adopted.
  const fixed = `${name}=${'a'.repeat(40)}`;
  const third = await signIn(account, { Cookie: fixed });
  check('security', third.cookie !== fixed && third.cookie.startsWith(name + '='), 'the cookie of before was adopted');
  is('the cookie of before', await read(fixed), 401);
  const overOther = await signIn(account, { Cookie: first.cookie });
  check('security', overOther.cookie !== first.cookie, 'signing in again keeps the cookie');
  is('the cookie in use', await read(second.cookie), 200);
  const out = await fetch(base + '/app/session', { method: 'DELETE', headers: { Cookie: second.cookie, 'X-CSRF-Token': second.csrf, Origin: base } });
  is('signing out', out.status, 204);
  check('security', /Max-Age=0/.test(out.headers.get('set-cookie') ?? ''), 'signing out does not take the cookie away');
  is('the cookie after signing out', await read(second.cookie), 401);
  is('the other session', await read(third.cookie), 200);
  // By the pages themselves: signed out, back shows nothing.
  const one = await Session.open(browser, 'security: sign out', { base });
  await one.actions.signIn(account.email, password);
  const [jar] = await one.context.cookies();
  check('security', jar.httpOnly && jar.sameSite === 'Strict', 'the browser sees another cookie');
  await one.actions.click('Sign out');
  await one.actions.path('/app/signin');
  check('security', !(await one.context.cookies()).some((c) => c.name === jar.name), 'the cookie is still there');
  await one.page.goBack();
  await one.actions.path('/app/signin');
  is('the replayed cookie', await read(`${jar.name}=${jar.value}`), 401);
  await one.close();
}

async function signing(browser, account) {
  for (const next of ['//evil.example/', 'https://evil.example/', 'javascript:alert(1)', '/\\evil.example', '/app/../../evil', '/appetite']) {
    const one = await Session.open(browser, 'security: next');
    await one.actions.goto('/app/signin?next=' + encodeURIComponent(next));
    await one.actions.fill('Email', account.email);
    await one.actions.fill('Password', password);
    await one.actions.click('Sign in');
    await until(() => new URL(one.page.url()).pathname === '/app/signin' ? 'still at the sign-in' : '');
    const at = new URL(one.page.url());
    check('security', at.origin === world.base && at.pathname.startsWith('/app/'), `next=${next} led to ${at}`);
    await one.close();
  }
  const told = async (email, secret) => { const a = await fetch(base + '/app/session', { method: 'POST', body: JSON.stringify({ email, password: secret }), headers: { ...json, Origin: base } }); return `${a.status} ${await a.text()}`; };
  const [unknown, wrong] = [await told(`nobody-${word()}@example.com`, 'some long password'), await told(account.email, 'some long password')];
  check('security', unknown === wrong && unknown.startsWith('401'), `an unknown account is told apart: ${unknown} / ${wrong}`);
}

async function secrets(browser, account) {
  const one = await Session.open(browser, 'security: secrets', { base });
  const { page, actions } = one, urls = [];
  page.on('framenavigated', (f) => urls.push(f.url()));
  page.on('request', (r) => urls.push(r.url()));
  await actions.signIn(account.email, password);
  await actions.goto('/app/settings/api-tokens');
  await actions.fill('Name', 'kept nowhere');
  await actions.click('Create token');
  const token = await until(async () => /\b[a-z]+_[A-Za-z0-9_-]{20,}/.test(await page.locator('main').innerText()) ? '' : 'no token is shown').then(async () => /\b[a-z]+_[A-Za-z0-9_-]{20,}/.exec(await page.locator('main').innerText())[0]);
  const csrf = await page.evaluate(async () => (await (await fetch('/app/session')).json()).csrf_token);
  const [jar] = await one.context.cookies();
  const kept = await page.evaluate(() => JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie, history.state, window.name]));
  for (const [what, secret] of [['password', password], ['API token', token], ['token against forgery', csrf], ['cookie', jar.value]]) {
    check('security', !kept.includes(secret), `the ${what} is in the storage or in reach of scripts`);
    check('security', !urls.some((u) => u.includes(encodeURIComponent(secret)) || u.includes(secret)), `the ${what} is in an address`);
  }
  const allowed = /^(current-password|new-password|off|one-time-code)$/;
  for (const [path, then] of [['/app/signin'], ['/app/signup'], ['/app/settings/account'], ['/app/smtp-policies/new', () => actions.check('Require SMTP AUTH')]]) {
    await actions.goto(path);
    await then?.();
    const fields = await page.evaluate(() => [...document.querySelectorAll('input[type=password]')].map((e) => e.autocomplete));
    check('security', fields.length > 0 && fields.every((f) => allowed.test(f)), `${path}: password fields complete as ${JSON.stringify(fields)}`);
  }
  await one.close();
}

async function headers() {
  for (const path of ['/app/signin', '/app/webhooks', '/app/nothing/here', '/app/signup?link=x']) {
    const answer = await fetch(base + path, { redirect: 'manual' });
    if (answer.status >= 300 && answer.status < 400) { check('security', new URL(answer.headers.get('location'), base).origin === base, `${path} leads away`); continue; }
    const csp = answer.headers.get('content-security-policy') ?? '', text = await answer.text();
    for (const word of ["default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "object-src 'none'"]) check('security', csp.includes(word), `${path}: the content policy lacks ${word}: ${csp}`);
    check('security', !/unsafe-|\*|data:|blob:|https?:/.test(csp), `${path}: the content policy allows too much: ${csp}`);
    for (const [name, wanted] of [['x-content-type-options', /^nosniff$/], ['referrer-policy', /^(no-referrer|same-origin|strict-origin)/], ['cache-control', /no-store|no-cache/]]) check('security', wanted.test(answer.headers.get(name) ?? ''), `${path}: ${name} is ${answer.headers.get(name)}`);
    check('security', !/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:/i.test(text), `${path}: something is inline`);
    check('security', !/(src|href)="(https?:)?\/\//.test(text), `${path}: something comes from elsewhere`);
  }
  const html = await (await fetch(base + '/app/signin')).text(), script = /src="(\/app\/assets\/app-[^"]+)"/.exec(html)?.[1];
  const asset = await fetch(base + script);
  check('security', /immutable/.test(asset.headers.get('cache-control') ?? '') && /javascript/.test(asset.headers.get('content-type')), `${script}: ${asset.headers.get('cache-control')}`);
  is('an asset that is not there', (await fetch(base + '/app/assets/none.js')).status, 404);
  is('a path out of the assets', (await fetch(base + '/app/assets/..%2f..%2fetc%2fpasswd')).status, [400, 404]);
  is('the API without a session', (await fetch(base + '/api/v1/webhooks')).status, 401);
}

async function weight(browser) {
  const account = await Account.make();
  const one = await Session.open(browser, 'security: weight', { base });
  await one.enter(account);
  const protocol = await one.context.newCDPSession(one.page), kinds = new Map();
  let octets = 0, fonts = 0, coded = 0;
  await protocol.send('Network.enable');
  protocol.on('Network.responseReceived', (e) => { kinds.set(e.requestId, e.type); if (e.response.headers['content-encoding'] ?? e.response.headers['Content-Encoding']) coded++; });
  protocol.on('Network.loadingFinished', (e) => { if (kinds.get(e.requestId) === 'Font') fonts += e.encodedDataLength; else octets += e.encodedDataLength; });
  await one.actions.goto('/app/webhooks');
  await one.page.waitForLoadState('networkidle');
  check('security', coded >= 3, 'the pages are not compressed on the wire');
  check('security', octets > 5000 && octets <= 100 * 1024, `the first load is ${(octets / 1024).toFixed(1)} KB without fonts`);
  console.log(`first load over the wire: ${(octets / 1024).toFixed(1)} KB, fonts ${(fonts / 1024).toFixed(1)} KB`);
  await one.close();
}
