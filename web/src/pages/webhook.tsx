// One webhook: how the last day went, its address, what came and what became of it.
import type { PageProps } from '../main';
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { api, ApiError } from '../lib/api';
import { ago, many, octets, zone } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { query, setQuery, withQuery } from '../lib/router';
import { mayWrite } from '../lib/session';
import { Card, Controls, Copy, CopyButton, Fact, Facts, Note, Page, Pager, Search } from '../parts/basic';
import { Bars, Legend } from '../parts/chart';
import { Icon } from '../parts/icon';
import { DeadLetterRows } from '../parts/dead-letters';
import { chosenOutcome, LogRows, OutcomeFilter } from '../parts/log';
import { SecretNote } from '../parts/secret';
import { TestMailButton, TestMailResult, useTestMail } from '../parts/test-mail';
import { crumbsOf, isInbox, nameOf, NoPolicy, useWebhook, WithoutWebhook, type Webhook } from '../parts/webhook';
import { Asking, WebhookMenu, type Question } from '../parts/webhook-menu';
import { announce } from '../parts/announce';

export default function OneWebhook({ ids }: PageProps) {
  const id = ids.id!;
  const loaded = useWebhook(id);
  const w = loaded.data;
  return w ? <Shown w={w} onChange={(next) => loaded.set({ ...w, ...next })} onReload={() => void loaded.reload()} /> : <WithoutWebhook id={id} error={loaded.error} />;
}

function Shown({ w, onChange, onReload }: { w: Webhook; onChange: (part: Partial<Webhook>) => void; onReload: () => void }) {
  /** Counts what is known to have come: chart, log and counters are read again when it grows. */
  const come = useSignal(0);
  const mail = useTestMail(w.id, () => { come.value++; onReload(); });
  const asking = useSignal<Question | null>(null);
  const trouble = useSignal<ApiError | null>(null);
  const activate = async () => {
    trouble.value = null;
    try { onChange(await api.post('/webhooks/{id}/activate', { path: { id: w.id } })); announce('Active'); } catch (error) { trouble.value = error as ApiError; }
  };
  const actions = <>
    {mayWrite.value ? <TestMailButton mail={mail} primary /> : null}
    {isInbox(w) ? <a class="btn" href={`/app/webhooks/${w.id}/inbox`}>Inbox</a> : null}
    {mayWrite.value ? <><a class="btn" href={`/app/webhooks/${w.id}/edit`}>Edit</a><a class="btn" href={`/app/webhooks/${w.id}/simulate`}>Simulate</a>
      <WebhookMenu active={w.is_active} onActivate={() => void activate()} onAsk={(q) => { asking.value = q; }} /></> : null}
  </>;
  return <Page title={nameOf(w)} crumbs={crumbsOf(w)} tag={w.is_active ? <span class="tag ok"><Icon name="check" />Active</span> : <span class="tag"><Icon name="minus" />Inactive</span>} actions={actions}>
    <SecretNote id={w.id} ask={!isInbox(w)} />
    {trouble.value ? <Note tone="no" role="alert"><p>{trouble.value.message}</p></Note> : null}
    {w.is_active ? null : <Note tone="wait"><p>Inactive: mail to this address is refused with 550 5.2.1.</p></Note>}
    <TestMailResult mail={mail} />
    <div class="cols even"><Day w={w} come={come.value} /><Address w={w} onRotate={() => { asking.value = 'rotate'; }} /></div>
    <DeadLetters id={w.id} />
    <Log w={w} come={come.value} onCome={() => { come.value++; onReload(); }} />
    {asking.value ? <Asking what={asking.value} w={w} onDone={() => { asking.value = null; }} onChange={(part) => { onChange(part); onReload(); }} /> : null}
  </Page>;
}

/** Now and the 24 hours before, cut at the half hour so that buckets stay where they are. */
function lastDay(): { from: string; until: string } {
  const half = 1_800_000, until = Math.ceil(Date.now() / half) * half;
  return { from: new Date(until - 86_400_000).toISOString(), until: new Date(until).toISOString() };
}

function Day({ w, come }: { w: Webhook; come: number }) {
  const stats = useLoad(`${w.id}|${come}`, (signal) => api.get('/stats', { query: { webhook_id: w.id, step: '30m', ...lastDay() }, signal }));
  useEvery(30_000, () => { if (!stats.loading) void stats.reload(); });
  const t = stats.data?.totals;
  const label = t ? `${nameOf(w)}, last 24 hours: ${t.accepted} accepted, ${t.refused} refused, ${t.deferred} deferred.` : '';
  return <Card title="Last 24 hours" aside={t ? <Legend totals={t} /> : null}><div class="day">
    {stats.data ? <Bars buckets={stats.data.buckets} step={stats.data.step_seconds} label={label} /> : stats.error ? <p class="muted">{stats.error.message}</p> : <p class="muted" role="status">Reading…</p>}
  </div></Card>;
}

function Address({ w, onRotate }: { w: Webhook; onRotate: () => void }) {
  const policyId = w.smtp_security_policy_id;
  const policy = useLoad(`policy ${policyId}`, (signal) => policyId ? api.get('/smtp-policies/{id}', { path: { id: policyId }, signal }) : Promise.resolve(null)).data;
  const overlap = w.previous_secret_expires_at && Date.parse(w.previous_secret_expires_at) > Date.now() ? w.previous_secret_expires_at : null;
  return <Card title="Address"><div class="stack">
    <Copy text={w.email_address} label="address" />
    <Facts>
      <Fact name="Target">{isInbox(w) ? <><a href={`/app/webhooks/${w.id}/inbox`}>Built-in inbox</a>{w.inbox_max_messages && w.inbox_max_octets && w.inbox_keep_days ? <span class="small muted"> keeps {many(w.inbox_max_messages, 'message')}, {octets(w.inbox_max_octets)}, {many(w.inbox_keep_days, 'day')}</span> : null}</> : <span class="mono">{w.target_url}</span>}</Fact>
      <Fact name="Policy">{policyId ? <><a href={`/app/smtp-policies/${policyId}`}>{policy?.name ?? w.policy_name ?? 'Its policy'}</a>{policy ? <div class="chips-line"><Controls policy={policy} /></div> : null}</>
        : <NoPolicy />}</Fact>
      <Fact name="Delivery">{w.delivery_mode === 'queued' ? 'Queued' : 'While the sender waits'}{w.timeout_ms ? `, ${w.timeout_ms / 1000} s` : ''}{w.rate_limit_per_minute ? `; at most ${many(w.rate_limit_per_minute, 'message')} a minute` : ''}</Fact>
      <Fact name="Secret">{overlap ? <>Rotated; the one before signs too, until it ends {ago(overlap)}. </> : 'Set. '}{mayWrite.value ? <button type="button" class="linkish" onClick={onRotate}>Rotate</button> : null}</Fact>
      {w.signing_public_key ? <Fact name="Public key"><span class="mono key-line">{w.signing_public_key}</span> <CopyButton text={w.signing_public_key} label="public signing key" /></Fact> : null}
    </Facts>
  </div></Card>;
}

function DeadLetters({ id }: { id: string }) {
  const list = useLoad(`dead ${id}`, (signal) => api.get('/webhooks/{id}/dead-letters', { path: { id }, query: { page_size: 5 }, signal }));
  const some = useSignal(false), rows = list.data?.data ?? [];
  if (rows.length) some.value = true;
  if (!some.value) return null;
  return <section class="stack gap-s" aria-labelledby="dead"><div class="head"><div><h2 id="dead">Dead letters</h2></div><div class="actions"><a class="inline-link small" href={`/app/webhooks/${id}/dead-letters`}>All dead letters</a></div></div>
    <div class="card"><DeadLetterRows id={id} rows={rows} onRetried={() => void list.reload()} /></div></section>;
}

function Log({ w, come, onCome }: { w: Webhook; come: number; onCome: () => void }) {
  const q = query.value.get('q') ?? '', cursor = query.value.get('cursor') ?? '', outcome = chosenOutcome();
  const list = useLoad(`${w.id}|${q}|${cursor}|${outcome}|${come}`, (signal) => api.get('/webhooks/{id}/logs', { path: { id: w.id }, query: { q, cursor, outcome, limit: 20 }, signal }));
  useEvery(2000, () => { if (!cursor && !list.loading) void list.reload(); });
  const rows = list.data?.data ?? [], newest = rows[0]?.id ?? '', seen = useRef<string | null>(null);
  // A record that was not there before: the numbers above follow it.
  useEffect(() => {
    if (!list.data || cursor || q || outcome) return;
    if (seen.current !== null && newest > seen.current) onCome();
    seen.current = newest;
  }, [newest, list.data]);
  const all = `/app/webhooks/${w.id}/logs`;
  return <section class="stack gap-s" aria-labelledby="logs"><div class="head"><div><h2 id="logs">Log</h2></div><div class="actions"><a class="inline-link small" href={all}>Full log</a></div></div>
    <div class="filters"><Search label="Search the log" placeholder="Sender, message id or client IP" value={q} onSearch={(text) => setQuery({ q: text, cursor: null }, 'replace')} /><OutcomeFilter />
      {cursor || list.error ? null : <span class="waiting push"><span class="pulse ok" aria-hidden="true" />Live</span>}</div>
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    {rows.length ? <div class="card"><LogRows rows={rows} queued={w.delivery_mode === 'queued'} caption={`Log of ${nameOf(w)}, newest first`} zone={zone()} href={(r) => r.trace_id ? `/app/traces/${r.trace_id}` : `${all}?record=${r.id}`}
      policyOf={(r) => r.policy_id === w.smtp_security_policy_id ? w.policy_name ?? null : null} />
      <Pager next={list.data?.next ? withQuery({ cursor: list.data.next }) : null} first={cursor ? withQuery({ cursor: null }) : null} shown={rows.length} word={rows.length === 1 ? 'record' : 'records'} /></div>
      : list.data ? <Note><p>{q || outcome || cursor ? <>Nothing matches. <a href={`/app/webhooks/${w.id}`}>Clear filters</a></> : mayWrite.value ? 'No mail has arrived. Send one with the button above, or to the address.' : 'No mail has arrived.'}</p></Note> : null}
  </section>;
}
