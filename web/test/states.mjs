// Every page and state: {name, path, as, may, then, shot, heading, turn}. `as` is who looks, `may` what the server may answer no with,
// `then` brings the page into its state by what can be seen. States of one `turn` are not visited beside each other. States with `shot` are also pictures.
import { Account, word } from './world.mjs';
import { until } from './actions.mjs';

const click = (...names) => async (a) => { for (const name of names) await a.click(name); };
const dialog = (...names) => async (a) => { await click(...names)(a); await until(async () => (await a.page.locator('dialog[open]').count()) ? '' : 'no dialog opened'); };
const byStart = (a, text) => a.page.getByRole('button', { name: new RegExp('^' + text) }).first().click();

/** States that only a person without account, or in the first minutes, sees. */
async function outside(made) {
  const { owner } = made, totp = made.totp;
  const reset = await owner.post('/invitations', { role: 'operator', email: 'cleo@example.com' }).catch(() => null);
  const token = reset?.link ? new URL(reset.link, 'http://x').searchParams.get('link') : 'none';
  return [
    { name: 'signin', path: '/app/signin', shot: true },
    { name: 'signin-refused', path: '/app/signin', may: ['POST 401'], then: async (a) => { await a.fill('Email', 'nobody@example.com'); await a.fill('Password', 'not the password'); await a.click('Sign in'); await a.text('Email or password is wrong.'); } },
    ...(totp ? [{ name: 'signin-second-step', path: '/app/signin', shot: true, then: async (a) => { await a.fill('Email', totp.email); await a.fill('Password', totp.password); await a.click('Sign in'); await a.text('Second step'); } }] : []),
    { name: 'signup', path: '/app/signup', shot: true },
    { name: 'signup-refused', path: '/app/signup', may: ['POST 422', 'POST 409'], then: async (a) => { await a.fill('Email', 'ana@example.com'); await a.fill('Password', 'a long enough password'); await a.click('Create account'); await until(async () => (await a.page.getByRole('alert').count()) ? '' : 'no alert'); } },
    { name: 'signup-invited', path: `/app/signup?link=${token}`, may: ['GET 404'] },
    { name: 'signup-old-link', path: '/app/signup?link=none', may: ['GET 404'] },
    { name: 'reset-without-link', path: '/app/reset', may: ['GET 404'] },
    { name: 'reset-old-link', path: '/app/reset?link=none', may: ['GET 404'] },
  ];
}

function webhooks(made) {
  const { owner, newcomer, viewer } = made, of = (name) => `/app/webhooks/${made.webhooks[name].id}`, as = owner;
  return [
    { name: 'webhooks-empty', path: '/app/webhooks', as: newcomer, shot: true },
    { name: 'webhooks', path: '/app/webhooks', as, shot: true },
    { name: 'webhooks-nothing-matches', path: '/app/webhooks?q=zzzz', as },
    { name: 'webhook-new', path: '/app/webhooks/new', as, shot: true },
    { name: 'webhook-new-refused', path: '/app/webhooks/new', as, may: ['POST 422'], then: async (a) => { const url = a.page.getByRole('radio', { name: /URL/ }); if (await url.count()) await url.first().check(); await a.fill('Target URL', 'ftp://x'); await a.click('Create webhook'); await until(async () => (await a.page.getByRole('alert').count()) ? '' : 'no alert'); } },
    { name: 'webhook', path: of('Invoices'), as, shot: true },
    { name: 'webhook-menu', path: of('Invoices'), as, then: click('More actions') },
    { name: 'webhook-delete', path: of('Invoices'), as, then: dialog('More actions', 'Delete') },
    { name: 'webhook-rotate', path: of('Invoices'), as, then: dialog('More actions', 'Rotate secret') },
    { name: 'webhook-deactivate', path: of('Invoices'), as, then: dialog('More actions', 'Deactivate') },
    { name: 'webhook-test-mail', turn: 'a test mail', path: of('Newsletter replies'), as, then: async (a) => { await a.click('Send test mail'); await a.text('See why in its trace'); } },
    { name: 'webhook-refused-test-mail', turn: 'a test mail', path: of('Scanner upload'), as, shot: true, then: async (a) => { await a.click('Send test mail'); await a.text('See why in its trace'); } },
    { name: 'webhook-inactive', path: of('Old contact form'), as },
    { name: 'webhook-by-viewer', path: of('Invoices'), as: viewer },
    { name: 'webhook-missing', path: '/app/webhooks/wh_01HX5B3W7Q8Z2M4N6P8R0T2V4X', as, may: ['GET 404'] },
    { name: 'webhook-edit', path: of('Invoices') + '/edit', as, shot: true },
    { name: 'webhook-edit-none', path: of('Invoices') + '/edit', as, then: (a) => a.select('Security policy', 'None') },
    { name: 'webhook-edit-by-viewer', path: of('Invoices') + '/edit', as: viewer },
    { name: 'webhook-logs', path: of('Invoices') + '/logs', as, shot: true },
    { name: 'webhook-logs-nothing-matches', path: of('Invoices') + '/logs?q=zzzz', as },
    { name: 'webhook-dead-letters', path: of('Ticket bridge') + '/dead-letters', as },
    { name: 'webhook-simulate', path: of('Newsletter replies') + '/simulate', as, shot: true },
    { name: 'webhook-simulated', path: of('Newsletter replies') + '/simulate', as, then: async (a) => { await a.click('Send simulated message'); await a.text('The answer'); } },
    { name: 'inbox', path: of('Support inbox') + '/inbox', as, shot: true },
    { name: 'inbox-empty', path: `/app/webhooks/${made.quiet.id}/inbox`, as },
    { name: 'inbox-message', path: `${of('Support inbox')}/inbox/${made.message}`, as, shot: true },
    { name: 'inbox-message-delete', path: `${of('Support inbox')}/inbox/${made.message}`, as, then: (a) => byStart(a, 'Delete') },
    { name: 'inbox-message-missing', path: of('Support inbox') + '/inbox/msg_01HX5B3W7Q8Z2M4N6P8R0T2V4X', as, may: ['GET 404'] },
  ];
}

function policies(made) {
  const { owner, newcomer, viewer } = made, as = owner, of = (name) => `/app/smtp-policies/${made.policies[name].id}`;
  return [
    { name: 'policies-empty', path: '/app/smtp-policies', as: newcomer },
    { name: 'policies', path: '/app/smtp-policies', as, shot: true },
    { name: 'policies-by-viewer', path: '/app/smtp-policies', as: viewer },
    { name: 'policies-nothing-matches', path: '/app/smtp-policies?q=zzzz', as },
    { name: 'policy-new', path: '/app/smtp-policies/new', as, shot: true, may: ['POST 422'], then: async (a) => { await a.fill('Name', 'high-security 2'); await a.fill('Source IP', '203.0.113.0/24'); await a.check('Require SPF'); await a.fill('Allowed SPF domains', 'partner.example.com'); await a.check('Require DKIM'); await a.check('Require SMTP AUTH'); } },
    { name: 'policy-new-refused', path: '/app/smtp-policies/new', as, may: ['POST 422'], then: async (a) => { await a.fill('Name', 'p'); await a.fill('Source IP', '203.0.113.0/24\n198.51.100.5/24'); await a.click('Create policy'); await a.text('198.51.100.0/24'); }, shot: true },
    { name: 'policy', path: of('high-security'), as, shot: true },
    { name: 'policy-open', path: of('open while testing'), as },
    { name: 'policy-shadow', path: of('strict soon'), as },
    { name: 'policy-delete', path: of('high-security'), as, shot: true, then: dialog('Delete') },
    { name: 'policy-by-viewer', path: of('high-security'), as: viewer },
    { name: 'policy-edit', path: of('partner mutual') + '/edit', as },
    { name: 'policy-dry-run', path: of('spf-enforced'), as, then: async (a) => { await a.fill('Client IP', '192.0.2.1'); await a.fill('Envelope sender', 'x@partner.example.com'); await a.click('Dry-run'); await a.text('5.7.23'); } },
    { name: 'policy-missing', path: '/app/smtp-policies/pol_01HX5B3W7Q8Z2M4N6P8R0T2V4X', as, may: ['GET 404'] },
  ];
}

function gateway(made) {
  const { owner, viewer, newcomer } = made, as = owner, id = (outcome) => made.traces.find((t) => t.outcome === outcome)?.id;
  const traces = ['rejected', 'accepted', 'deferred'].filter(id).map((outcome) => ({ name: `trace-${outcome}`, path: `/app/traces/${id(outcome)}`, as, shot: true }));
  const shadowed = made.traces.find((t) => t.shadow);
  return [
    { name: 'connection-policies', path: '/app/connection-policies', as, shot: true },
    { name: 'connection-policies-open-relay', path: '/app/connection-policies', as, shot: true, may: ['POST 422', 'PUT 409', 'POST 429'], then: async (a) => { await a.fill('Value of mynetworks', '0.0.0.0/0'); await a.text('Witness'); } },
    { name: 'connection-policies-remove', path: '/app/connection-policies', as, then: dialog('Remove the lists…') },
    { name: 'connection-policies-by-viewer', path: '/app/connection-policies', as: viewer, may: ['GET 403'] },
    { name: 'traces', path: '/app/traces', as, shot: true },
    { name: 'traces-empty', path: '/app/traces', as: newcomer },
    { name: 'traces-refused', path: '/app/traces?outcome=rejected', as },
    { name: 'traces-nothing-matches', path: '/app/traces?q=from:zzzz', as },
    { name: 'traces-unknown-word', path: '/app/traces?q=colour:red', as, may: ['GET 422', 'GET 400'] },
    ...traces,
    ...(shadowed ? [{ name: 'trace-shadow', path: `/app/traces/${shadowed.id}`, as, shot: true }] : []),
    { name: 'trace-missing', path: '/app/traces/01HX5B3W7Q8Z2M4N6P8R0T2V4X', as, may: ['GET 404'] },
    { name: 'replay-nothing-to-try', path: '/app/replay', as, shot: true },
    { name: 'replay', path: '/app/connection-policies', as, shot: true, then: async (a) => { await a.fill('Sender', 'permit_mynetworks,\nreject_unknown_sender_domain,\npermit'); await byStart(a, 'Replay'); await a.path('/app/replay'); await byStart(a, 'Run'); await a.text('Newly refused'); } },
    { name: 'queue', path: '/app/queue', as, shot: true },
    { name: 'queue-nothing-matches', path: '/app/queue?sender=zzzz@example.com', as },
    { name: 'queue-selected', path: '/app/queue', as, then: async (a) => { await a.page.getByRole('checkbox', { name: /^Select the message/ }).first().check(); await a.text('1 selected'); } },
    { name: 'queue-drop', path: '/app/queue', as, then: async (a) => { await a.page.getByRole('checkbox', { name: /^Select the message/ }).first().check(); await dialog('Drop…')(a); } },
    ...(made.queued ? [{ name: 'queue-message', path: `/app/queue/${made.queued}`, as, shot: true }] : []),
    { name: 'queue-message-missing', path: '/app/queue/01HX5B3W7Q8Z2M4N6P8R0T2V4X', as, may: ['GET 404', 'GET 422'] },
    { name: 'queue-by-stranger', path: '/app/queue', as: newcomer, may: ['GET 403'] },
  ];
}

function settings(made) {
  const { owner, viewer, newcomer } = made, as = owner;
  return [
    { name: 'account', path: '/app/settings/account', as, shot: true },
    { name: 'account-by-viewer', path: '/app/settings/account', as: viewer },
    { name: 'account-second-factor', path: '/app/settings/account', as: newcomer, then: async (a) => { await dialog('Turn on')(a); await a.click('Show the secret'); await a.fill('Code', '000000'); } },
    { name: 'account-delete', path: '/app/settings/account', as: newcomer, then: dialog('Delete account…') },
    { name: 'people', path: '/app/settings/people', as, shot: true },
    { name: 'people-invited', path: '/app/settings/people', as, then: async (a) => { await a.click('Make the link'); await a.text('It works once'); } },
    { name: 'people-by-viewer', path: '/app/settings/people', as: viewer },
    { name: 'domains', path: '/app/settings/domains', as, shot: true },
    { name: 'dkim-keys', path: `/app/settings/domains/${made.claimed.id}/dkim-keys`, as, shot: true },
    { name: 'dkim-keys-by-viewer', path: `/app/settings/domains/${made.claimed.id}/dkim-keys`, as: viewer },
    { name: 'domains-empty', path: '/app/settings/domains', as: newcomer },
    { name: 'domains-new', path: '/app/settings/domains', as, then: dialog('+ New') },
    { name: 'domains-by-viewer', path: '/app/settings/domains', as: viewer },
    { name: 'api-tokens', path: '/app/settings/api-tokens', as, shot: true },
    { name: 'api-tokens-empty', path: '/app/settings/api-tokens', as: newcomer },
    { name: 'api-tokens-made', path: '/app/settings/api-tokens', as: newcomer, then: async (a) => { await a.fill('Name', 'once'); await a.click('Create token'); await a.text('cannot be shown again'); } },
    { name: 'api-tokens-revoke', path: '/app/settings/api-tokens', as, then: async (a) => { await byStart(a, 'Revoke'); } },
    { name: 'audit-log', path: '/app/settings/audit-log', as, shot: true },
    { name: 'api', path: '/app/api', as, shot: true },
    { name: 'no-such-page', path: '/app/nothing/here', as },
    { name: 'keys', path: '/app/webhooks', as, then: async (a) => { await a.page.keyboard.press('?'); await a.text('Keys'); } },
  ];
}

/** Adds to the demo world who looks at it, and what some states need. */
export async function people(made) {
  if (made.newcomer) return made;
  const { owner } = made;
  made.newcomer = await Account.make(`new-${word()}@example.com`);
  made.quiet = await owner.post('/webhooks', { name: 'Quiet', target_url: 'inbox' });
  made.message = (await owner.get(`/webhooks/${made.webhooks['Support inbox'].id}/inbox`)).data?.[0]?.id;
  made.queued = (await owner.get('/queue').catch(() => null))?.data?.[0]?.id;
  const invitation = await owner.post('/invitations', { role: 'viewer', email: 'vera@example.com' });
  made.viewer = await Account.make('vera@example.com', new URL(invitation.link, 'http://x').searchParams.get('link'));
  made.totp = await Account.make(`totp-${word()}@example.com`);
  const { secret } = await made.totp.post('/accounts/me/2fa');
  await made.totp.post('/accounts/me/2fa/confirm', { code: await code(secret) });
  return made;
}

/** RFC 6238 for six digits. */
async function code(secret) {
  const { createHmac } = await import('node:crypto');
  const bits = [...secret.replace(/=+$/, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const sum = createHmac('sha1', key).update(step).digest(), at = sum[19] & 15;
  return String((sum.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

export async function all(made) {
  await people(made);
  return [...await outside(made), ...webhooks(made), ...policies(made), ...gateway(made), ...settings(made)];
}
export const pictured = async (made) => (await all(made)).filter((s) => s.shot);
