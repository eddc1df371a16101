// The demo world: names as in the drawings, mail over SMTP, domains of example.* only.
import { until } from './actions.mjs';
import { Account, claim, control, mail, message, world } from './world.mjs';

let first;
/** The first account, which operates the gateway. */
export const operator = () => (first ??= Account.make('ana@example.com'));

const hosts = ['api.example.com', 'books.example.net', 'ops.example.org', 'files.example.net', 'crm.example.com', 'tickets.example.org', 'reports.example.net', 'www.example.com'];
const port = new URL(world.receiver).port;

const policies = {
  'open while testing': {},
  'partner mutual': { allowed_source_ips: '198.51.100.0/25', require_smtp_auth: true, smtp_credentials: [{ username: 'partner', password: 'a long enough password' }], require_spf: true, require_dkim: true },
  'dkim-enforced': { require_dkim: true, allowed_dkim_domains: 'trusted-partner.com, partner.example.com' },
  'spf-enforced': { require_spf: true },
  'office-only': { allowed_source_ips: '203.0.113.0/24, 198.51.100.42/32' },
  'auth-required': { require_smtp_auth: true, smtp_credentials: [{ username: 'sender1', password: 's3cr3t-p@ssw0rd' }] },
  'partner-only': { allowed_source_ips: '203.0.113.0/24, 198.51.100.42/32', require_spf: true },
  'high-security': { allowed_source_ips: '203.0.113.0/24', require_spf: true, require_dkim: true, allowed_spf_domains: 'partner.example.com', allowed_dkim_domains: 'partner.example.com' },
  'strict soon': { require_spf: true, require_dkim: true, mode: 'shadow' },
};
const webhooks = [
  ['Old contact form', 'contact', 'www.example.com/form', 'spf-enforced', { is_active: false }],
  ['DMARC reports', 'dmarc', 'reports.example.net/rua', 'dkim-enforced', {}],
  ['Ticket bridge', null, 'tickets.example.org/in', 'spf-enforced', { delivery_mode: 'queued' }],
  ['Newsletter replies', 'replies', 'crm.example.com/replies', null, {}],
  ['Scanner upload', 'scans', 'files.example.net/scan', 'office-only', {}],
  ['Alerts', null, 'ops.example.org/hooks/alerts', 'auth-required', {}],
  ['Invoices', 'invoices', 'books.example.net/mail', 'high-security', {}],
  ['Support inbox', 'support', 'inbox', 'partner-only', {}],
  ['Trial', 'trial', 'inbox', 'strict soon', {}],
];
export const lists = {
  lists: { helo: 'reject_invalid_helo_hostname,\npermit', sender: 'permit_mynetworks,\nreject_non_fqdn_sender,\npermit',
    recipient: 'permit_mynetworks,\nreject_unauth_destination,\nreject_non_fqdn_recipient,\npermit' },
  parameters: { mynetworks: '198.51.100.128/25', smtpd_sasl_auth_enable: 'yes' }, note: 'First lists',
};

let built;
/** -> {owner, policies, webhooks, …} by name; made once a run. */
export const demo = () => (built ??= make());

async function make() {
  const owner = await operator();
  await control({ zone: Object.fromEntries(hosts.map((name) => [name, { A: ['127.0.0.1'] }])) });
  const made = { owner, policies: {}, webhooks: {} };
  made.claimed = await claim(owner, 'in.example.com');
  for (const [name, body] of Object.entries(policies)) made.policies[name] = await owner.post('/smtp-policies', { name, ...body });
  for (const [name, local, target, policy, more] of webhooks) {
    made.webhooks[name] = await owner.post('/webhooks', { name, target_url: target === 'inbox' ? 'inbox' : `http://${target.replace('/', `:${port}/`)}`,
      ...(local ? { email_address: `${local}@in.example.com` } : {}), ...(policy ? { smtp_security_policy_id: made.policies[policy].id } : {}), ...more });
  }
  await owner.post('/domains', { name: 'mail.example.org' });
  made.domain = (await owner.get('/domains')).data?.[0] ?? null;
  await owner.post('/api-tokens', { name: 'deploy script', scopes: ['read', 'write'], expires_at: new Date(Date.now() + 90 * 86_400_000).toISOString().replace(/\.\d+Z/, 'Z') });
  await owner.post('/api-tokens', { name: 'dashboard, read only', scopes: ['read'], allowed_ips: ['203.0.113.0/24'] });
  await owner.call('PUT', '/connection-policies', lists).catch((trouble) => { made.noLists = trouble.message; });
  await control({ path: '/in', script: [{ status: 503, body: 'try later' }] });
  await fill(made);
  return made;
}

/** Mail of a day: accepted, refused for every reason, deferred. */
async function fill(made) {
  const to = (name) => made.webhooks[name].email_address;
  const signed = message('dkim-ok-partner.eml').toString('latin1');
  const sent = [
    { to: to('Invoices'), content: signed }, { to: to('Invoices'), ip: '198.51.100.23', from: 'bulk@mailer.example.org', helo: 'mailer.example.org' },
    { to: to('Invoices'), ip: '203.0.113.77' }, { to: to('Invoices'), ip: '203.0.113.10', content: message('dkim-body-altered.eml').toString('latin1') },
    { to: to('Support inbox'), content: `From: Bo <bo@partner.example.com>\nTo: ${to('Support inbox')}\nSubject: The printer is out of paper again\nDate: Mon, 15 Jan 2024 10:00:00 +0000\nMessage-ID: <p-1@partner.example.com>\n\nSince this morning. Third floor.\n` },
    { to: to('Support inbox'), content: message('multipart-attachment.eml').toString('latin1') }, { to: to('Support inbox'), ip: '192.0.2.44', from: 'ceo@partner.example.com', helo: 'friend.example' },
    { to: to('Alerts'), auth: { username: 'sender1', password: 's3cr3t-p@ssw0rd' } }, { to: to('Alerts') }, { to: to('Alerts'), auth: { username: 'sender1', password: 'wrong' } },
    { to: to('Scanner upload'), ip: '198.51.100.42', from: 'scanner@office.example.com' }, { to: to('Scanner upload'), ip: '192.0.2.9', from: 'someone@elsewhere.example' },
    { to: to('Newsletter replies'), ip: '192.0.2.80', from: 'reader@elsewhere.example' }, { to: to('Ticket bridge') }, { to: to('Ticket bridge'), from: 'billing@partner.example.com' },
    { to: to('DMARC reports'), content: signed }, { to: to('DMARC reports'), ip: '192.0.2.80', from: 'noreply@elsewhere.example' },
    { to: to('Old contact form') }, { to: to('Trial'), ip: '192.0.2.80' }, { to: 'victim@elsewhere.example', ip: '192.0.2.10', from: 'billing@partner.example.com' },
  ];
  made.replies = [];
  for (let at = 0; at < sent.length; at += 4) made.replies.push(...await Promise.all(sent.slice(at, at + 4).map((m) => mail(m).catch((trouble) => String(trouble)))));
  await owner_sees(made, (traces) => traces.some((t) => t.outcome === 'rejected') && traces.some((t) => t.outcome === 'accepted'));
}

/** Traces are written behind the reply. */
async function owner_sees(made, enough) {
  await until(async () => {
    made.traces = (await made.owner.get('/traces?page_size=100')).data;
    return enough(made.traces) ? '' : 'the traces of the demo mail did not appear';
  });
}
