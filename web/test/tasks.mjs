// What people do with the pages and what they must find there: each piece is a sentence that a page had wrong once.
import { execFileSync } from 'node:child_process';
import { patience, until } from './actions.mjs';
import { demo, lists } from './demo.mjs';
import { piece } from './report.mjs';
import { Session } from './session.mjs';
import { Account, mail, word, world } from './world.mjs';

const none = async (page, text) => { if (await page.getByText(text).count()) throw new Error(`the page says "${text}"`); };
const fails = (what) => { throw new Error(what); };

/** Fills a field and waits for what the page says of the edit. A plan runs at the lowest priority and gives up after five times its budget
    by the clock, which other programs may use up: the edit is made again on a page that is loaded again. */
async function edited({ page, actions }, field, value, wanted) {
  const seen = async (text) => (await actions.visible(page.getByText(text))).length > 0;
  for (const end = Date.now() + patience; ;) {
    let busy = false;
    await actions.fill(field, value);
    await until(async () => (busy = await seen('needs more than it may use')) || await seen(wanted) ? '' : `the page does not say ${wanted}`);
    if (!busy) return;
    if (Date.now() > end) fails(`no plan had the time to say ${wanted}`);
    await page.reload();
    await actions.ready();
  }
}

export default async function tasks(browser) {
  const made = await demo();
  const one = await Session.open(browser, 'tasks');
  await one.enter(made.owner);
  // 429: a plan of the draft before is still being made; the page asks again.
  for (const answer of ['POST 422', 'PUT 409', 'GET 404', 'POST 401', 'PUT 401', 'PUT 422', 'POST 429']) one.may.add(answer);
  const { page } = one;
  // The first look at pages from their sources bundles them.
  if (world.sources) await one.open('/app/webhooks').catch(() => one.page.goto(world.base + '/app/webhooks', { timeout: 60_000 }));
  for (const [name, work] of Object.entries(pieces)) await piece(`tasks: ${name}`, () => work(one, made, browser), page);
  await one.close();
}

const pieces = {
  async 'a trace says what shadow mode would have done'({ page, actions }, made) {
    const shadow = made.traces.find((t) => t.shadow) ?? fails('no trace of a shadow policy');
    await actions.goto(`/app/traces/${shadow.id}`);
    await actions.text('What shadow mode would have done');
    await actions.text('strict soon');
    await actions.text(/would refuse it/);
    await none(page, 'No rule objected');
    if (!await page.locator('.rail .shadowed').count()) throw new Error('every stage of the rail is green');
  },

  async 'a policy form with errors does not read as a policy, and names every wrong line'({ page, actions }) {
    await actions.goto('/app/smtp-policies/new');
    await actions.fill('Name', 'wrong');
    await actions.fill('Source IP', '203.0.113.5/24\n192.0.2.1\n198.51.100.300\n10.0.0.1/8');
    await actions.text('This is not a valid policy yet');
    for (const line of [/Line 1\./, /Line 3\./, /Line 4\./]) await actions.text(line);
    await none(page, 'Every message is accepted');
    await none(page, /allowed_source_ips|element \d/i);
    await actions.click('Use 203.0.113.0/24, 10.0.0.0/8');
    await actions.value('Source IP allowlist', '203.0.113.0/24\n192.0.2.1\n198.51.100.300\n10.0.0.0/8');
  },

  async 'a policy that requires AUTH without users says what to do'({ page, actions }) {
    await actions.goto('/app/smtp-policies/new');
    await actions.check('Require SMTP AUTH');
    await actions.text(/Add at least one user, or switch SMTP AUTH off/);
    await none(page, /smtp_credentials|require_smtp_auth/i);
  },

  async 'a refused test mail shows the refusal, and the counters follow'({ page, actions }, made) {
    const policy = made.policies['office-only'].id;
    const hook = await made.owner.post('/webhooks', { name: `refuses ${word()}`, target_url: 'inbox', smtp_security_policy_id: policy });
    await actions.goto(`/app/webhooks/${hook.id}`);
    // A page that is not seen asks nothing by itself: what follows was asked because of the mail.
    await page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true }));
    await actions.text('No mail has arrived');
    await actions.click('Send test mail');
    await actions.text('The test mail was refused');
    const refusal = page.locator('.dialogue li', { hasText: /550 5\.7\.1/ });
    await until(async () => await refusal.count() ? '' : 'the dialogue has no line with the refusal');
    const hidden = await refusal.first().evaluate((e) => { for (let at = e.parentElement; at; at = at.parentElement) if (at !== document.scrollingElement && at.scrollHeight > at.clientHeight + 2 && getComputedStyle(at).overflowY !== 'visible') return at.className || at.tagName; return ''; });
    if (hidden) throw new Error(`the line is scrolled away in ${hidden}`);
    await until(async () => /Refused\s*1/.test(await page.locator('.legend').first().innerText()) ? '' : 'the counter still says 0');
    await until(async () => await page.locator('section[aria-labelledby=logs] td', { hasText: '550 5.7.1' }).count() ? '' : 'the log still says that no mail has arrived');
    await actions.goto('/app/webhooks?q=' + encodeURIComponent(hook.name));
    await actions.row(hook.name, ['none: all refused']);
  },

  async 'an open relay is named by its cause'({ page, actions }) {
    await actions.goto('/app/connection-policies');
    await actions.fill('Value of mynetworks', '0.0.0.0/0');
    await actions.text(/The cause is/);
    await page.getByRole('link', { name: 'mynetworks = 0.0.0.0/0' }).click();
    const focused = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
    if (focused !== 'Value of mynetworks') throw new Error(`the link leads to ${focused}`);
    await actions.text('Lets strangers pass');
    await actions.fill('Value of mynetworks', '198.51.100.128/25');
    await until(async () => (await page.getByText('The cause is').count()) ? 'the banner stays' : '');
  },

  async 'an edit of the lists says what it changes, and asks once more before it lets more in'({ page, actions }) {
    await actions.goto('/app/connection-policies');
    await edited({ page, actions }, 'Value of mynetworks', '198.51.100.128/26', /Refuses more: .*mail to foreign destinations \(.*198\.51\.100\.192\/26/);
    await page.getByText('Show one: newly refused').first().click();
    await actions.text('With this edit');
    await actions.click('Count recorded mail');
    await actions.text(/Last 24 hours: .* newly accepted, .* newly refused/);
    await edited({ page, actions }, 'Value of mynetworks', '198.51.100.0/24', /Accepts more: .*mail to foreign destinations/);
    await actions.click('Save');
    await actions.text('Relay for more clients?');
    await actions.click('Keep editing');
    await none(page, 'Relay for more clients?');
    await edited({ page, actions }, 'Value of mynetworks', '198.51.100.128/25', 'No mail is judged differently.');
  },

  async 'an edit of a policy says what it changes for its webhooks'({ page, actions }, made) {
    const policy = await made.owner.post('/smtp-policies', { name: `plans ${word()}`, allowed_source_ips: '203.0.113.0/24' });
    const hook = await made.owner.post('/webhooks', { name: `plans ${word()}`, target_url: 'inbox', smtp_security_policy_id: policy.id });
    await actions.goto(`/app/smtp-policies/${policy.id}/edit`);
    await none(page, 'What saving changes');
    await edited({ page, actions }, 'Source IP allowlist', '203.0.113.0/25', `Refuses more: mail to ${hook.email_address}`);
    await edited({ page, actions }, 'Source IP allowlist', '203.0.113.0/25\n203.0.113.128/25', 'No mail is judged differently.');
  },

  async 'the lists can be removed, and the next ones keep AUTH'({ page, actions }, made) {
    await actions.goto('/app/connection-policies');
    await actions.click('Remove the lists…');
    await actions.click('Remove the lists');
    await actions.text('No lists run:');
    await actions.value('Parameter 1', 'smtpd_sasl_auth_enable');
    await actions.value('Value of smtpd_sasl_auth_enable', 'yes');
    await actions.fill('Value of smtpd_sasl_auth_enable', 'no');
    await actions.text('Saving switches SMTP AUTH off.');
    await actions.click('Keep it on');
    await actions.value('Value of smtpd_sasl_auth_enable', 'yes');
    await made.owner.call('PUT', '/connection-policies', lists);
  },

  async 'the first contact is a welcome with an address of one\'s own'(_, made, browser) {
    const email = `first-${word()}@example.com`, own = `own-${word()}@example.com`;
    const newcomer = new Account(email);
    await newcomer.call('POST', '/accounts', { email, password: newcomer.password });
    const said = execFileSync(world.binary, ['passwd', email, '--reset-link', '--config', world.config], { encoding: 'utf8' });
    const link = /link=([\w-]+)/.exec(said)?.[1] ?? fails(`no link in ${said}`);
    const two = await Session.open(browser, 'tasks');
    two.may.add('POST 422');
    await two.open(`/app/reset?link=${link}`);
    await two.actions.heading('Welcome to Postern');
    await two.actions.fill('Password', 'short');
    await two.actions.click('Set password');
    await two.actions.text('Needs at least 12 characters.');
    await two.actions.fill('Password', 'a long enough password');
    await two.actions.fill('Your email', own);
    await two.actions.click('Set password');
    await two.actions.path('/app/webhooks');
    await two.open('/app/settings/account');
    await two.actions.value('Email', own);
    const other = `other-${word()}@example.com`;
    const card = two.page.locator('section', { hasText: 'Change email address' }).last();
    await card.getByLabel('Email').fill(other);
    await card.getByLabel('Your password').fill('a long enough password');
    await two.actions.click('Change email address');
    await until(async () => (await two.page.locator('.head .sub').innerText()) === other ? '' : 'the page still has the old address');
    await two.actions.text('Chromium on Linux');
    await two.close();
  },

  async 'the webhooks page shows the way to a first explained refusal'({ page, actions }, made) {
    const hook = await made.owner.post('/webhooks', { name: 'refuses this machine', target_url: 'inbox', smtp_security_policy_id: made.policies['office-only'].id });
    await actions.goto('/app/webhooks');
    await actions.click('Open refuses this machine');
    await actions.click('Send test mail');
    await actions.click('See why in its trace');
    await until(() => /^\/app\/traces\//.test(new URL(page.url()).pathname) ? '' : 'no trace');
    for (const text of [/127\.0\.0\.1 is not in/, 'office-only']) await actions.text(text);
    await actions.goto('/app/webhooks');
    await until(async () => await page.getByText('Open refuses this machine').count() ? 'the first steps are still there' : '');
    await made.owner.call('DELETE', `/webhooks/${hook.id}`);
  },

  async 'the audit log speaks of names'({ page, actions }) {
    await actions.goto('/app/settings/audit-log');
    await actions.text('made a webhook');
    const said = await page.locator('tbody').innerText();
    const raw = /\b(wh|pol|tok|dom|acc|ses)_[0-9A-Z]{26}\b|\b[a-z]+\.[a-z]+_?[a-z]*ed\b|\b\w+_\w+\b/.exec(said);
    if (raw) throw new Error(`the audit log says "${raw[0]}"`);
    await actions.row('Invoices', ['made a webhook']);
  },

  async 'replay without a draft leads to where drafts are made'({ actions }) {
    await actions.goto('/app/replay');
    await actions.click('Edit the connection policies');
    await actions.path('/app/connection-policies');
  },

  async 'replay of a new DNS rule asks DNS now, and says so'({ page, actions }) {
    await actions.goto('/app/connection-policies');
    await actions.fill('Sender', 'permit_mynetworks,\nreject_unknown_sender_domain,\npermit');
    await page.getByRole('button', { name: 'Replay' }).click();
    await actions.path('/app/replay');
    await actions.click('Run');
    await actions.text('DNS was asked today.');
    await none(page, /DNS answers of type/);
  },

  async 'each reason stands once, in words'({ page, actions }, made) {
    await mail({ to: `nobody-${word()}@in.example.com` });
    await mail({ to: 'someone@elsewhere.example' });
    await until(async () => { const { reasons } = await made.owner.get('/stats?step=1h'); return reasons.some((r) => /Relay not permitted/.test(r.text)) ? '' : `not counted yet: ${reasons.map((r) => r.text)}`; });
    await actions.goto('/app/traces');
    const rows = page.locator('ul.bars li a');
    await until(async () => await rows.count() > 2 ? '' : 'no reasons');
    const names = await rows.allInnerTexts();
    const raw = names.find((name) => name.includes('_'));
    if (raw) throw new Error(`a reason is called ${raw}`);
    if (new Set(names).size !== names.length) throw new Error(`twice: ${names.join(', ')}`);
    await actions.text('What you can search for');
  },

  async 'the day of a webhook is drawn by the hour, on one scale'({ page, actions }) {
    await actions.goto('/app/webhooks');
    await until(async () => await page.locator('svg.mini').count() ? '' : 'no drawings');
    const heights = await page.locator('svg.mini').evaluateAll((all) => all.map((svg) => Math.max(0, ...[...svg.querySelectorAll('[class^=f-]')].map((r) => Number(r.getAttribute('height'))))));
    if (new Set(heights.filter(Boolean)).size < 2) throw new Error(`few and many mails are drawn alike: ${heights.join(' ')}`);
  },

  async 'log and trace name the same control'({ actions }, made) {
    const hook = made.webhooks['DMARC reports'], { data } = await made.owner.get(`/webhooks/${hook.id}/logs?outcome=rejected`);
    await actions.goto(`/app/webhooks/${hook.id}/logs?outcome=rejected`);
    await actions.text('dkim-enforced v1 · DKIM');
    await actions.goto(`/app/traces/${data[0].trace_id}`);
    await actions.text('Allowed DKIM domains');
    if (/0\.0 ms/.test(await actions.page.locator('main').innerText())) throw new Error('something took 0.0 ms');
  },

  async 'policies have counts and filters'({ page, actions }) {
    await actions.goto('/app/smtp-policies');
    await actions.text('Accepted');
    await until(async () => { const cell = page.getByRole('row', { name: /high-security/ }).locator('td[data-l=Refused]'); return Number(await cell.innerText()) > 0 ? '' : `high-security refused ${await cell.innerText()}`; });
    await actions.select('Control', 'SMTP AUTH');
    await until(async () => await page.getByRole('link', { name: 'high-security', exact: true }).count() ? 'a policy without AUTH is listed' : '');
    await actions.row('auth-required', ['AUTH']);
    await actions.select('Use', 'Not used');
    await actions.row('partner mutual', ['AUTH']);
    await until(async () => await page.getByRole('link', { name: 'auth-required', exact: true }).count() ? 'a used policy is listed' : '');
  },

  async 'DKIM keys and dead letters have pages'({ page, actions }, made) {
    await actions.goto('/app/settings/domains');
    await actions.click('DKIM keys of in.example.com');
    await actions.heading('DKIM keys');
    await actions.text('No keys yet');
    const selector = `s${word()}`;
    await actions.fill('Selector', selector);
    await actions.select('Algorithm', 'Ed25519');
    await actions.click('Create key');
    await actions.text(`${selector}._domainkey.in.example.com`);
    await actions.click(`Sign with ${selector}`);
    await until(async () => (await page.getByRole('alert').count()) ? '' : 'a key without record signs');
    await actions.click(`Delete ${selector}`);
    await actions.click('Delete key');
    await actions.text('No keys yet');
    await actions.goto(`/app/webhooks/${made.webhooks['Ticket bridge'].id}/dead-letters`);
    await actions.heading('Dead letters');
    await actions.goto('/app/queue');
    await until(async () => await page.getByText(/Nothing is waiting\.|messages?$/).count() ? '' : 'the queue says nothing');
  },

  async 'a message of the inbox leads to its trace'({ page, actions }, made) {
    await actions.goto(`/app/webhooks/${made.webhooks['Support inbox'].id}/inbox/${(await made.owner.get(`/webhooks/${made.webhooks['Support inbox'].id}/inbox`)).data[0].id}`);
    await actions.click('See why it was accepted');
    await until(() => /^\/app\/traces\/\w{26}$/.test(new URL(page.url()).pathname) ? '' : `led to ${page.url()}`);
    await actions.text('What the sender was told');
  },
};
