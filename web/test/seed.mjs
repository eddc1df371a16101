// Seed document 000, "Configuring an SMTP Security Policy", as it is written: its clicks, its API examples, and mail that proves each.
// From the sign-up to the refusal explained; the steps and the time of that way are counted and printed.
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { until } from './actions.mjs';
import { piece } from './report.mjs';
import { operator } from './demo.mjs';
import { Session } from './session.mjs';
import { Account, mail, message, word, world } from './world.mjs';

const body = (name) => readFileSync(new URL(`../../tests/suites/conduit/seed-bodies/${name}.json`, import.meta.url), 'utf8');
const at = (reply, wanted) => { if (!reply.startsWith(wanted)) throw new Error(`SMTP: expected ${wanted}, got ${reply}`); };

export default async function seed(browser) {
  await operator();
  const one = await Session.open(browser, 'seed');
  one.may.add('POST 422');  // the policy form is checked while it is filled in, on a slow machine between two fields
  const { page, actions } = one;
  const state = {};
  await piece('seed: sign up to a refusal explained', () => newcomer(one, state), page);
  await piece('seed: detach, the mail is accepted at once', async () => {
    // "Open the webhook's Edit form. Set the Security policy dropdown to None. Click Save."
    await actions.click('Webhooks');
    await actions.click('Support inbox');
    await actions.click('Edit');
    await actions.path(`/app/webhooks/${state.webhook}/edit`);
    await actions.select('Security policy', 'None');
    await actions.click('Save');
    await actions.path(`/app/webhooks/${state.webhook}`);
    at(await mail({ to: state.address, ip: '192.0.2.1' }), '250 2.0.0');
    await actions.text('accepts all mail');
  }, page);
  await piece('seed: one policy for two webhooks, a change holds at once for both', () => shared(one, state), page);
  await piece('seed: managing, the list and its indicators', () => managing(one, state), page);
  await piece('seed: every control by clicks, judged by mail', () => controls(one, state), page);
  await piece('seed: deleting names the webhooks, which accept all mail then', () => deleting(one, state), page);
  await one.close();
  await piece('seed: the API examples as printed', () => examples(state));
}

async function newcomer(one, state) {
  const { actions } = one, began = Date.now(), email = `newcomer-${word()}@example.com`;
  state.account = new Account(email);
  await actions.goto('/app/signup');
  await actions.fill('Email', email);
  await actions.fill('Password', state.account.password);
  await actions.click('Create account');
  await actions.path('/app/webhooks');
  await state.account.signIn();
  // A webhook to protect: the first step of the empty page, or its form.
  await actions.text('Say where mail should go');
  await actions.click('+ New');
  await actions.path('/app/webhooks/new');
  await actions.heading('New webhook');
  await actions.fill('Name', 'Support inbox');
  await target(actions, `${world.receiver}/seed`);
  await actions.click('Create webhook');
  await until(() => /^\/app\/webhooks\/wh_/.test(new URL(one.page.url()).pathname) ? '' : 'no webhook was made');
  state.webhook = /wh_\w+/.exec(one.page.url())[0];
  state.address = (await state.account.get(`/webhooks/${state.webhook}`)).email_address;
  at(await mail({ to: state.address, ip: '192.0.2.1' }), '250 2.0.0');

  // "Go to Policies in the navigation bar. Click + New. Give the policy a name and configure the controls. Click Create policy."
  await leaveSecret(actions);
  await actions.click('Policies');
  await actions.path('/app/smtp-policies');
  await actions.click('+ New');
  await actions.fill('Name', 'office-only');
  await actions.fill('Source IP', '203.0.113.0/24\n198.51.100.42/32');
  await actions.click('Create policy');
  await actions.text('office-only');
  // "Go to Webhooks and open the webhook you want to protect. Click Edit. In the Security policy dropdown, select the policy. Click Save."
  await actions.click('Webhooks');
  await actions.click('Support inbox');
  await actions.click('Edit');
  await actions.select('Security policy', 'office-only');
  await actions.click('Save');
  await actions.path(`/app/webhooks/${state.webhook}`);
  await actions.text('office-only');
  state.policy = (await state.account.get('/smtp-policies')).data[0].id;

  // "Connections from IPs that are not covered by any listed range are rejected at RCPT TO with SMTP code 550 5.7.1."
  at(await mail({ to: state.address, ip: '192.0.2.1' }), '550 5.7.1');
  at(await mail({ to: state.address, ip: '198.51.100.42' }), '250 2.0.0');
  // The refusal is a row of the traces, and its page says which words refused it.
  await actions.click('Traces');
  await actions.text('192.0.2.1');
  actions.steps++;
  const refused = one.page.getByRole('row').filter({ hasText: 'Refused' }).filter({ hasText: '192.0.2.1' }).getByRole('link').first();
  await refused.click();
  await until(() => /^\/app\/traces\/\w{26}$/.test(new URL(one.page.url()).pathname) ? '' : `the row led to ${one.page.url()}`);
  for (const text of ['550 5.7.1', 'office-only', '192.0.2.1']) await actions.text(text);
  const seconds = (Date.now() - began) / 1000;
  console.log(`sign-up to an explained refusal: ${actions.steps} steps, ${seconds.toFixed(1)} s`);
}

/** The target of a webhook: a URL, where the form also offers the built-in inbox. */
async function target(actions, url) {
  const choice = actions.page.getByRole('radio', { name: /URL/ });
  if (await choice.count() && !(await choice.first().isChecked())) { actions.steps++; await choice.first().check(); }
  await actions.fill('Target URL', url);
}

/** A fresh secret asks once before it is left; here it was seen. */
async function leaveSecret(actions) {
  const hide = actions.page.getByRole('button', { name: 'Hide', exact: true });
  // The address is there before the page that shows the secret is drawn.
  await until(async () => (await hide.count()) ? '' : 'the secret is not shown');
  actions.steps++;
  await hide.click();
}

async function shared({ actions }, state) {
  const { account } = state;
  const second = await account.post('/webhooks', { name: 'Invoices', target_url: `${world.receiver}/seed2`, smtp_security_policy_id: state.policy });
  await account.call('PUT', `/webhooks/${state.webhook}`, { smtp_security_policy_id: state.policy });
  for (const to of [state.address, second.email_address]) at(await mail({ to, ip: '192.0.2.1' }), '550 5.7.1');
  // "Changes to the policy take effect immediately for all attached webhooks."
  await actions.click('Policies');
  await actions.click('office-only');
  await actions.click('Edit');
  await actions.path(`/app/smtp-policies/${state.policy}/edit`);
  await actions.fill('Source IP', '203.0.113.0/24\n198.51.100.42/32\n192.0.2.0/24');
  await actions.click('Save');
  await actions.path(`/app/smtp-policies/${state.policy}`);
  for (const to of [state.address, second.email_address]) at(await mail({ to, ip: '192.0.2.1' }), '250 2.0.0');
}

async function managing({ actions, page }, state) {
  await state.account.post('/smtp-policies', { name: 'all three', require_spf: true, require_dkim: true, require_smtp_auth: true, smtp_credentials: [{ username: 'sender1', password: 's3cr3t-p@ssw0rd' }] });
  await actions.click('Policies');
  await actions.heading('Policies');
  await page.reload();
  await actions.ready();
  // "The Policies page lists all your policies with SPF, DKIM, and SMTP AUTH indicators at a glance."
  await actions.row('all three', ['SPF', 'DKIM', 'AUTH']);
  await actions.row('office-only', ['no SPF', 'no DKIM']);
  // "Click a policy name to view its details, then use the Edit or Delete buttons to manage it."
  await actions.click('all three');
  await until(async () => await actions.control('Edit') && await actions.control('Delete') ? '' : 'Edit or Delete is missing');
  await actions.click('Delete');
  await actions.click('Delete policy');
  await actions.path('/app/smtp-policies');
  await actions.heading('Policies');
  await until(async () => (await actions.visible(page.getByRole('link', { name: 'all three' }))).length ? 'the policy is still in the list' : '');
}

async function create(actions, name, work) {
  await actions.click('Policies');
  await actions.click('+ New');
  await actions.path('/app/smtp-policies/new');
  await actions.fill('Name', name);
  await work();
  await actions.click('Create policy');
  await until(() => /pol_/.test(actions.page.url()) || new URL(actions.page.url()).pathname === '/app/smtp-policies' ? '' : 'the policy was not created');
  await actions.text(name);
}

async function attach(state, name) {
  const { data } = await state.account.get('/smtp-policies?page_size=100');
  await state.account.call('PUT', `/webhooks/${state.webhook}`, { smtp_security_policy_id: data.find((p) => p.name === name).id });
}

async function controls({ actions }, state) {
  const to = state.address, hash = execFileSync('htpasswd', ['-bnBC', '12', '', 's3cr3t-p@ssw0rd'], { encoding: 'utf8' }).replace(/[:\n]/g, '');
  await create(actions, 'auth-required', async () => {
    await actions.check('Require SMTP AUTH');
    await actions.fill('SMTP credentials', `sender1:${hash}`);
  });
  await attach(state, 'auth-required');
  at(await mail({ to }), '5');
  at(await mail({ to, auth: { username: 'sender1', password: 'wrong' } }), '535');
  at(await mail({ to, auth: { username: 'sender1', password: 's3cr3t-p@ssw0rd' } }), '250 2.0.0');

  await create(actions, 'spf-enforced', async () => {
    await actions.check('Require SPF');
    await actions.fill('Allowed SPF domains', 'partner.example.com');
  });
  await attach(state, 'spf-enforced');
  at(await mail({ to, ip: '203.0.113.10' }), '250 2.0.0');
  at(await mail({ to, ip: '192.0.2.1' }), '550');

  await create(actions, 'dkim-enforced', async () => {
    await actions.check('Require DKIM');
    await actions.fill('Allowed DKIM domains', 'partner.example.com');
  });
  await attach(state, 'dkim-enforced');
  at(await mail({ to, content: message('dkim-ok-partner.eml').toString('latin1') }), '250 2.0.0');
  at(await mail({ to, content: message('dkim-body-altered.eml').toString('latin1') }), '550');

  // "Controls are ANDed: a message must satisfy every enabled requirement to be accepted."
  await create(actions, 'high-security', async () => {
    await actions.fill('Source IP', '203.0.113.0/24');
    await actions.check('Require SPF');
    await actions.check('Require DKIM');
    await actions.fill('Allowed SPF domains', 'partner.example.com');
    await actions.fill('Allowed DKIM domains', 'partner.example.com');
  });
  await attach(state, 'high-security');
  const signed = message('dkim-ok-partner.eml').toString('latin1');
  at(await mail({ to, content: signed }), '250 2.0.0');
  at(await mail({ to, content: signed, ip: '192.0.2.1' }), '550 5.7.1');
  at(await mail({ to }), '550');
}

async function deleting({ actions }, state) {
  await actions.click('Policies');
  await actions.path('/app/smtp-policies');
  await actions.click('high-security');
  await actions.click('Delete');
  // "Deleting a policy detaches it from all webhooks that reference it. Those webhooks revert to accepting all mail."
  await actions.text('Support inbox');
  await actions.click('Delete policy');
  await actions.path('/app/smtp-policies');
  at(await mail({ to: state.address, ip: '192.0.2.1' }), '250 2.0.0');
}

/** Every JSON example of the document; what it elides is filled in. */
async function examples(state) {
  const { account } = state, webhook = `/webhooks/${state.webhook}`;
  const hash = execFileSync('htpasswd', ['-bnBC', '10', '', 'correct horse'], { encoding: 'utf8' }).replace(/[:\n]/g, '');
  const post = async (name) => (await account.call('POST', '/smtp-policies', JSON.parse(body(name).replaceAll('$2y$12$...', hash)))).id;
  const put = (path, name, id) => account.call('PUT', path, JSON.parse(body(name).replaceAll('pol_01HX...', id)));
  const [minimal] = [await post('01-create-minimal'), await post('02-source-ip'), await post('03-smtp-auth-elided'), await post('04-spf'), await post('05-dkim'), await post('06-combined')];
  if ((await put(webhook, '07-attach', minimal)).smtp_security_policy_id !== minimal) throw new Error('07-attach: the policy is not attached');
  if ((await put(webhook, '08-detach', minimal)).smtp_security_policy_id !== null) throw new Error('08-detach: the policy is still attached');
  const { data } = await account.get('/smtp-policies');
  if (!data.some((p) => p.id === minimal)) throw new Error('the list lacks a policy');
  const changed = await put(`/smtp-policies/${minimal}`, '09-update', minimal);
  if (!changed.require_spf || !changed.require_dkim || changed.name !== 'high-security') throw new Error('09-update: not changed');
  if ((await account.get(`/smtp-policies/${minimal}`)).version !== changed.version) throw new Error('the policy read differs from the one that was written');
  await account.call('DELETE', `/smtp-policies/${minimal}`);
  if ((await fetch(`${world.gateway}/api/v1/smtp-policies/${minimal}`, { headers: { Authorization: `Bearer ${account.token}` } })).status !== 404) throw new Error('a deleted policy is still there');
}
