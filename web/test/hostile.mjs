// Mail and names that want to be markup, script, or something else than they are: they stay text wherever they show.
import { until } from './actions.mjs';
import { operator } from './demo.mjs';
import { sideways } from './pages.mjs';
import { check, piece } from './report.mjs';
import { Session } from './session.mjs';
import { Account, control, mail, world } from './world.mjs';

const markup = (where) => `<img src=//evil.example/${where} onerror="window.pwned='${where}'"><script>window.pwned='${where}'</script>`;
const long = 'W'.repeat(400);
const turned = 'invoice\u202efdp.exe';

function message(to) {
  const word = (text) => `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`;
  const attached = (name, type) => `--b1\nContent-Type: ${type}; name="${name.replace(/["\\]/g, '\\$&')}"\nContent-Disposition: attachment; filename="${name.replace(/["\\]/g, '\\$&')}"\n\ncontent\n`;
  return `From: ${word(markup('from'))} <mallory@evil.example>\nTo: ${to}\nSubject: ${word(markup('subject') + turned)}\nMessage-ID: <${'x'.repeat(200)}@evil.example>\nReply-To: ${word('"><svg onload=window.pwned=1>')} <r@evil.example>\nX-Odd: ${markup('header')}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b1"\n\n`
    + `--b1\nContent-Type: multipart/alternative; boundary="b2"\n\n--b2\nContent-Type: text/plain; charset=utf-8\n\n${markup('text')} ${long}\n--b2\nContent-Type: text/html; charset=utf-8\n\n<html><head><base href="//evil.example/"><meta http-equiv="refresh" content="0;url=//evil.example/"><link rel=stylesheet href="//evil.example/s.css"></head><body onload="window.pwned='html'">${markup('html')}<iframe src="javascript:parent.pwned='frame'"></iframe><form action="//evil.example/"><button>Sign in</button></form></body></html>\n--b2--\n`
    + attached(markup('attachment'), 'text/html') + attached('..\\..\\' + long + '.exe', 'application/x-msdownload') + '--b1--\n';
}

export default async function hostile(browser) {
  await operator();
  const owner = await Account.make();
  const policy = await owner.post('/smtp-policies', { name: markup('policy').slice(0, 100), require_spf: true, mode: 'shadow' });
  const refusing = await owner.post('/smtp-policies', { name: '<b>' + long.slice(0, 90), allowed_source_ips: '198.51.100.0/24' });
  const inbox = await owner.post('/webhooks', { name: markup('n').slice(0, 100), target_url: 'inbox', smtp_security_policy_id: policy.id });
  const refused = await owner.post('/webhooks', { name: turned.replace('\u202e', ''), target_url: world.receiver + '/hostile', smtp_security_policy_id: refusing.id });
  const failing = await owner.post('/webhooks', { name: long.slice(0, 100), target_url: world.receiver + '/hostile?' + long, delivery_mode: 'queued' });
  await control({ path: `/hostile?${long}`, script: [{ status: 503, body: markup('answer') }] });
  await owner.post('/api-tokens', { name: markup('t').slice(0, 100), scopes: ['read'] });
  const sender = '"<script>pwned=1</script>"@evil.example', helo = 'mx.evil.example';
  for (const hook of [inbox, refused, failing]) {
    await mail({ to: hook.email_address, ip: '192.0.2.66', from: 'mallory@evil.example', helo, content: message(hook.email_address) });
    await mail({ to: hook.email_address, ip: '192.0.2.66', from: sender, helo, content: message(hook.email_address) }).catch(() => '');
  }
  const traces = await settled(owner, (list) => list.length >= 4, '/traces?page_size=50');
  const messages = await settled(owner, (list) => list.length >= 1, `/webhooks/${inbox.id}/inbox`);
  const gatewayOwner = await operator();
  const queued = (await gatewayOwner.get('/queue').catch(() => ({ data: [] }))).data?.map((m) => m.id) ?? [];

  const one = await Session.open(browser, 'hostile');
  one.may.add('GET 404');
  await one.enter(owner);
  const subject = '<img src=//evil.example/subject', show = (path, ...texts) => look(one, path, texts);
  await show('/app/webhooks', '<img src=//evil.example/n');
  for (const hook of [inbox, refused, failing]) for (const more of ['', '/edit', '/logs', '/simulate']) await show(`/app/webhooks/${hook.id}${more}`);
  await show(`/app/webhooks/${inbox.id}/inbox`, subject, 'U+202E');
  for (const m of messages) await show(`/app/webhooks/${inbox.id}/inbox/${m.id}`, subject, 'U+202E', '.exe', '<img src=//evil.example/html');
  await show('/app/smtp-policies', '<img src=//evil.example/policy');
  for (const p of [policy, refusing]) for (const more of ['', '/edit']) await show(`/app/smtp-policies/${p.id}${more}`);
  await show('/app/settings/api-tokens', '<img src=//evil.example/t');
  await show('/app/settings/audit-log');
  await show('/app/traces', 'mallory@evil.example');
  for (const t of traces) await show(`/app/traces/${t.id}`);
  await show('/app/signin?next=' + encodeURIComponent('/app/webhooks?q=' + markup('next')));
  await show('/app/webhooks?q=' + encodeURIComponent(markup('q')));
  await show('/app/traces?q=' + encodeURIComponent('from:"' + markup('q') + '"'));
  await show('/app/' + encodeURIComponent('<svg onload="window.pwned=1">'));
  await one.close();

  const two = await Session.open(browser, 'hostile, operator');
  await two.enter(gatewayOwner);
  await look(two, '/app/queue', queued.length ? ['evil.example'] : []);
  for (const id of queued.slice(0, 3)) await look(two, `/app/queue/${id}`, []);
  await two.close();
}

async function settled(owner, enough, path) {
  let data;
  await until(async () => { ({ data } = await owner.get(path)); return enough(data) ? '' : `${path} has ${data.length}`; });
  return data;
}

/** The page stands, and nothing of the mail became more than text. Requests that leave the origin and dialogs fail by themselves. */
async function look(one, path, texts) {
  await piece(`hostile: ${decodeURIComponent(path).slice(0, 70)}`, async () => {
    one.where = `hostile ${path.replace(/_\w{26}/g, '')}`.slice(0, 60);
    for (const answer of ['GET 400', 'GET 422', 'GET 404']) one.may.add(answer);
    await one.actions.goto(path);
    const stored = one.page.getByRole('button', { name: 'Show the source', exact: true });
    if (await stored.count()) { await stored.first().click(); await one.actions.ready(); }
    await one.page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
    for (const text of texts) await one.actions.text(text);
    await sound(one, path);
    await sideways(one, [1280, 320]);
    await one.page.setViewportSize({ width: 1280, height: 800 });
  }, one.page);
}

/** Nothing on this page is an element, a script or a link of a stranger. */
export async function sound(one, path) {
  const found = await one.page.evaluate(() => ({
    pwned: window.pwned, foreign: [...document.querySelectorAll('[src], [href], [action], [data]')].map((e) => e.src || e.href || e.action || e.data).filter((u) => typeof u === 'string' && !u.startsWith(location.origin) && !u.startsWith('blob:')),
    elements: document.querySelectorAll('main img, main iframe, main script, main base, main style, main object, main embed, main meta, main link, main [onerror], main [onload]').length,
    scripts: [...document.scripts].filter((s) => !s.src).length, turned: (document.body.innerText.match(/\u202e/g) ?? []).length,
  }));
  if (found.pwned !== undefined) throw new Error(`a script ran: ${found.pwned}`);
  check(one.where, found.elements === 0 && found.scripts === 0, `${path}: ${found.elements} elements and ${found.scripts} scripts of a stranger`);
  check(one.where, found.foreign.length === 0, `${path}: leads to ${found.foreign[0]}`);
  check(one.where, found.turned === 0, `${path}: U+202E is not drawn as its code point`);
}
