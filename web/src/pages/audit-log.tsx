// Who changed what, newest first.
import { api, type Schemas } from '../lib/api';
import { labelOf } from '../lib/labels';
import { useLoad } from '../lib/load';
import { query, withQuery } from '../lib/router';
import { At, Empty, Foreign, Note, Page, Pager } from '../parts/basic';

type Entry = Schemas['AuditEntry'];

const words: Record<string, string> = {
  'account.created': 'signed up', 'account.deleted': 'deleted the account', 'account.password_changed': 'changed the password', 'account.password_reset': 'set a new password by a link',
  '2fa.enabled': 'turned the second factor on', '2fa.disabled': 'turned the second factor off', '2fa.backup_codes_regenerated': 'made new recovery codes',
  'api_token.created': 'made an API token', 'api_token.revoked': 'revoked an API token', 'session.ended': 'ended a session', 'session.created': 'signed in', 'session.failed': 'failed to sign in',
  'webhook.created': 'made a webhook', 'webhook.updated': 'changed a webhook', 'webhook.deleted': 'deleted a webhook', 'webhook.secret_rotated': 'rotated a secret',
  'webhook.switched_off': 'switched a webhook off', 'webhook.domain_lost': 'took the address of a webhook, whose domain another account has verified', 'domain.public': 'took a domain, which is the shared one now',
  'smtp_policy.created': 'made a policy', 'smtp_policy.updated': 'changed a policy', 'smtp_policy.deleted': 'deleted a policy',
  'domain.claimed': 'claimed a domain', 'domain.verified': 'verified a domain', 'domain.deleted': 'gave up a domain', 'dkim_key.added': 'added a DKIM key', 'dkim_key.deleted': 'deleted a DKIM key',
  'member.invited': 'invited somebody', 'member.joined': 'joined', 'member.role_changed': 'changed a role', 'member.removed': 'removed somebody',
  'account.email_changed': 'changed the email address', 'connection_policies.updated': 'changed the connection policies', 'connection_policies.rolled_back': 'went back to an earlier revision of the connection policies',
  'connection_policies.removed': 'removed the connection policies', 'member.reset_link_created': 'made a link for a new password', 'member.invitation_revoked': 'took an invitation back', 'dkim_key.changed': 'changed which DKIM key signs',
  'domain.unverified': 'lost a domain: its record was missing for seven days',
  'signing_key.created': 'turned public-key signatures on', 'signing_key.deleted': 'turned public-key signatures off',
};

export default function AuditLog() {
  const cursor = query.value.get('cursor') ?? '';
  const list = useLoad(cursor, (signal) => api.get('/accounts/me/audit-log', { query: { limit: 50, cursor }, signal }));
  const rows = list.data?.data ?? [];
  return <Page title="Audit log" sub="Every sign-in and every change in this account: who, from where, and what. Entries cannot be changed.">
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    {rows.length ? <section class="card" aria-label="Entries"><div class="table-wrap"><table class="fold"><caption class="vh">Audit log, newest first</caption>
      <thead><tr><th scope="col">Time</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">From</th></tr></thead>
      <tbody>{rows.map((e) => <tr key={e.id}><td class="nowrap"><At at={e.created_at} /></td>
        <td class="wide who" title={e.actor}><Foreign text={e.actor_name || 'the gateway'} /></td>
        <td class="wide">{words[e.action] ?? labelOf(e.action.replace('.', ' '))}<Details entry={e} /></td>
        <td class="nowrap mono" data-l="From">{e.ip}</td></tr>)}</tbody></table></div>
      <Pager next={list.data?.next ? withQuery({ cursor: list.data.next }) : null} first={cursor ? withQuery({ cursor: null }) : null} shown={rows.length} word={rows.length === 1 ? 'entry' : 'entries'} />
    </section> : list.data ? <Empty title="Nothing here yet"><p>Changes that you make are listed here.</p></Empty> : list.loading ? <p class="loading" role="status">Reading…</p> : null}
  </Page>;
}

/** How somebody came or why not; many at a time are one entry with their number. */
function signIn(details: Record<string, unknown>) {
  if (typeof details.count === 'number') return `${details.count} more times since ${details.since}`;
  return [details.why, details.by, details.for && `for ${details.for}`].filter((t) => typeof t === 'string').join(', ');
}

/** The name of what was changed, a link to it while it may still be there, and the fields. */
function Details({ entry }: { entry: Entry }) {
  const details = (entry.details ?? {}) as Record<string, unknown>;
  const id = typeof details.id === 'string' ? details.id : '';
  // Entries of earlier versions have an id alone; a webhook's address says more than its id.
  const name = ['name', 'email', 'email_address', 'selector'].map((key) => details[key]).find((one): one is string => typeof one === 'string' && one !== '')
    ?? (id.startsWith('wh_') ? 'the webhook' : id.startsWith('pol_') ? 'the policy' : '');
  const place = entry.action.endsWith('.deleted') ? null : id.startsWith('wh_') ? `/app/webhooks/${id}` : id.startsWith('pol_') ? `/app/smtp-policies/${id}` : null;
  const changed = Array.isArray(details.changed) ? entry.action.endsWith('.created') ? '' : details.changed.map((field) => labelOf(String(field))).join(', ')
    : typeof details.note === 'string' ? details.note : typeof details.before === 'string' ? `before ${details.before}` : typeof details.role === 'string' ? `role ${details.role}` : '';
  const detached = Array.isArray(details.detached_webhooks) && details.detached_webhooks.length ? `${details.detached_webhooks.length} webhooks accept all mail since` : '';
  if (entry.action.startsWith('session.')) return <span class="sub"><Foreign text={signIn(details)} /></span>;
  if (!name && !changed) return null;
  return <span class="sub">{place ? <a href={place}><Foreign text={name} /></a> : <Foreign text={name} />}{changed ? <>{name ? ': ' : ''}<Foreign text={changed} /></> : null}{detached ? `; ${detached}` : ''}</span>;
}
