// One policy: in words, the webhooks it guards, its users, a dry-run; and its end.
import { useState } from 'preact/hooks';
import type { PageProps } from '../main';
import { api, ApiError, type Schemas } from '../lib/api';
import { many } from '../lib/format';
import { useLoad } from '../lib/load';
import { draftOf, replayBody, type Policy as Stored } from '../lib/policy-draft';
import { keepDraft } from '../lib/replay-draft';
import { navigate } from '../lib/router';
import { mayWrite, me } from '../lib/session';
import { announce } from '../parts/announce';
import { Ago, Card, Controls, Count, Fact, Facts, Note, Page } from '../parts/basic';
import { Confirm } from '../parts/dialog';
import { DryRunPanel } from '../parts/dry-run';
import { Icon } from '../parts/icon';
import { PolicyMissing } from '../parts/policy-missing';
import { ReadsAs } from '../parts/reads-as';

type Webhook = Schemas['Webhook'];
const crumb = { name: 'Policies', href: '/app/smtp-policies' };

/** All webhooks that the policy guards; the list is read to its end. */
async function guarded(id: string, signal: AbortSignal): Promise<Webhook[]> {
  const found: Webhook[] = [];
  let cursor: string | null | undefined = '';
  do {
    const page: { data: Webhook[]; next?: string | null } = await api.get('/webhooks', { query: { cursor: cursor ?? '', limit: 200 }, signal });
    found.push(...page.data.filter((w) => w.smtp_security_policy_id === id));
    cursor = page.next;
  } while (cursor);
  return found;
}

export default function PolicyPage({ ids }: PageProps) {
  const id = ids.id!;
  const policy = useLoad(id, (signal) => api.get('/smtp-policies/{id}', { path: { id }, signal }));
  const webhooks = useLoad(id, (signal) => guarded(id, signal));
  const [asking, setAsking] = useState(false);
  const p: Stored | null = policy.data;
  if (!p) {
    if (!policy.error) return <Page title="Policy"><p class="loading" role="status">Reading…</p></Page>;
    return <PolicyMissing id={id} error={policy.error} here="Policy" />;
  }
  const replay = () => { keepDraft({ kind: 'policy', id: p.id, name: p.name, version: p.version, body: replayBody(draftOf(p)) }); };
  return <Page title={p.name} crumbs={[crumb, { name: p.name }]}
    tag={<><span class="tag">version {p.version}</span>{p.mode === 'shadow' ? <span class="tag shadow"><Icon name="eye" />Shadow: refuses nothing</span> : null}</>}
    actions={mayWrite.value ? <>{me.value?.operates_gateway ? <a class="btn" href="/app/replay" onClick={replay}><Icon name="again" />Replay as draft</a> : null}
      <a class="btn" href={`/app/smtp-policies/${p.id}/edit`}>Edit</a><button type="button" class="btn danger" onClick={() => setAsking(true)}>Delete</button></> : null}>
    <div class="cols">
      <div class="stack">
        <Card title="Reads as" aside={<Controls policy={p} />}>{p.reads_as ? <ReadsAs entries={p.reads_as} /> : <p class="muted">This server does not describe it in words.</p>}</Card>
        <Guards id={p.id} count={p.webhook_count} webhooks={webhooks.data} error={webhooks.error} />
        {p.require_smtp_auth || p.smtp_usernames.length ? <Users policy={p} /> : null}
        <Card title="Facts"><Facts><Fact name="Id"><span class="mono">{p.id}</span></Fact><Fact name="Changed"><Ago at={p.updated_at} /></Fact><Fact name="Created"><Ago at={p.created_at} /></Fact></Facts></Card>
      </div>
      <Card plain title="Dry-run"><DryRunPanel run={(body) => api.post('/smtp-policies/{id}/dry-run', { path: { id: p.id }, body })} /></Card>
    </div>
    {asking ? <Delete policy={p} webhooks={webhooks.data} onKeep={() => setAsking(false)} /> : null}
  </Page>;
}

function Guards({ id, count, webhooks, error }: { id: string; count: number; webhooks: Webhook[] | null; error: ApiError | null }) {
  const n = webhooks?.length ?? count;
  return <Card plain title={n ? `Guards ${many(n, 'webhook')}` : 'Guards no webhook'}>
    {error ? <div class="body"><p role="alert">{error.message}</p></div> : null}
    {webhooks?.length ? <div class="table-wrap"><table class="fold"><caption class="vh">Webhooks with this policy, with counts of the last 24 hours</caption><thead><tr><th scope="col">Webhook</th><th scope="col">Address</th><th scope="col" class="r">Accepted</th><th scope="col" class="r">Refused</th></tr></thead>
      <tbody>{webhooks.map((w) => <tr key={w.id}><td class="wide"><a class="name" href={`/app/webhooks/${w.id}`}>{w.name || w.email_address}</a></td><td class="mono wide">{w.email_address}</td>
        <td class="r" data-l="Accepted">{w.counts_24h ? <Count n={w.counts_24h.accepted} /> : '–'}</td><td class="r" data-l="Refused">{w.counts_24h ? <Count n={w.counts_24h.refused} /> : '–'}</td></tr>)}</tbody></table></div>
      : n ? null : <div class="body"><p class="muted" id={`none-${id}`}>To use it, edit a webhook and choose it as the security policy.</p></div>}
  </Card>;
}

function Users({ policy }: { policy: Stored }) {
  const users = policy.smtp_users ?? policy.smtp_usernames.map((username) => ({ username, cost: 0 }));
  return <Card plain title="SMTP users">{users.length ? <div class="table-wrap"><table><caption class="vh">Users who may sign in</caption><thead><tr><th scope="col">User</th><th scope="col">Stored as</th></tr></thead>
    <tbody>{users.map((u) => <tr key={u.username}><td class="mono">{u.username}</td><td class="muted">{u.cost ? `bcrypt, cost ${u.cost}` : 'bcrypt'}</td></tr>)}</tbody></table></div>
    : <div class="body"><p class="muted">None.</p></div>}</Card>;
}

/** What was refused for these webhooks in the last day: `/stats`, or null where it does not say. */
async function refusedLately(webhooks: Webhook[], signal: AbortSignal): Promise<number | null> {
  const from = new Date(Date.now() - 86_400_000).toISOString();
  const each = await Promise.all(webhooks.slice(0, 20).map((w) => api.get('/stats', { query: { webhook_id: w.id, from, step: '1h' }, signal }).then((s) => s.totals.refused, () => null)));
  return each.includes(null) || webhooks.length > 20 ? null : each.reduce<number>((sum, n) => sum + (n ?? 0), 0);
}

function Delete({ policy, webhooks, onKeep }: { policy: Stored; webhooks: Webhook[] | null; onKeep: () => void }) {
  const [busy, setBusy] = useState(false), [trouble, setTrouble] = useState('');
  const n = webhooks?.length ?? policy.webhook_count;
  const refused = useLoad(String(n), (signal) => refusedLately(webhooks ?? [], signal));
  const act = async () => {
    setBusy(true);
    try {
      await api.delete('/smtp-policies/{id}', { path: { id: policy.id }, version: policy.version });
      announce(`${policy.name} deleted`);
      navigate('/app/smtp-policies');
    } catch (error) { setTrouble(error instanceof ApiError ? error.message : String(error)); setBusy(false); }
  };
  return <Confirm title={`Delete ${policy.name}?`} keep="Keep it" act="Delete policy" busy={busy} onKeep={onKeep} onAct={() => void act()}>
    {n ? <><p>{n === 1 ? 'This webhook' : `These ${n} webhooks`} will then accept all mail:</p>
      {webhooks ? <ul class="dl">{webhooks.map((w) => <li key={w.id}><b>{w.name || w.email_address}</b> <span class="mono muted">{w.email_address}</span></li>)}</ul> : null}
      {refused.data ? <p>In the last day {refused.data === 1 ? '1 message was' : `${refused.data.toLocaleString('en-US')} messages were`} refused for {n === 1 ? 'it' : 'them'}.</p> : null}</>
      : <p>No webhook uses it.</p>}
    {trouble ? <Note tone="no" role="alert"><p>{trouble}</p></Note> : null}
  </Confirm>;
}
