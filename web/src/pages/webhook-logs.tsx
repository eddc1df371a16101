// The whole log of a webhook; a record opens in a dialog with everything that was noted of it.
import type { PageProps } from '../main';
import { useSignal } from '@preact/signals';
import { api } from '../lib/api';
import { zone } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { query, setQuery, withQuery } from '../lib/router';
import { Note, Page, Pager, Search } from '../parts/basic';
import { chosenOutcome, LogRows, OutcomeFilter } from '../parts/log';
import { LogRecordDialog } from '../parts/log-record';
import { crumbsOf, nameOf, useWebhook, WithoutWebhook, type Webhook } from '../parts/webhook';

export default function WebhookLogs({ ids }: PageProps) {
  const loaded = useWebhook(ids.id!);
  return loaded.data ? <Logs w={loaded.data} /> : <WithoutWebhook id={ids.id!} error={loaded.error} />;
}

const kinds = [{ value: '', name: 'Mail and simulations' }, { value: 'false', name: 'Mail only' }, { value: 'true', name: 'Simulations only' }];

function Logs({ w }: { w: Webhook }) {
  const words = query.value;
  const q = words.get('q') ?? '', cursor = words.get('cursor') ?? '', sim = words.get('simulated') ?? '', open = words.get('record') ?? '', outcome = chosenOutcome();
  const list = useLoad(`${q}|${cursor}|${outcome}|${sim}`, (signal) => api.get('/webhooks/{id}/logs', { path: { id: w.id }, query: { q, cursor, outcome, limit: 50, ...(sim ? { simulated: sim === 'true' } : {}) }, signal }));
  useEvery(5000, () => { if (!cursor && !open && !list.loading) void list.reload(); });
  const rows = list.data?.data ?? [];
  const record = rows.find((r) => r.id === open);
  const policyOf = (r: { policy_id?: string | null }) => (r.policy_id === w.smtp_security_policy_id ? w.policy_name ?? null : null);
  const said = useSignal('');
  return <Page title="Log" sub={`Deliveries, refusals and simulations of ${nameOf(w)}, kept for 30 days.`} crumbs={crumbsOf(w, { name: 'Log' })}>
    <div class="filters"><Search label="Search the log" placeholder="Sender, message id or client IP" value={q} onSearch={(text) => setQuery({ q: text, cursor: null }, 'replace')} /><OutcomeFilter />
      <label class="vh" for="kind">Kind</label><select id="kind" class="inline-sel" value={sim} onChange={(e) => setQuery({ simulated: e.currentTarget.value, cursor: null })}>{kinds.map((k) => <option key={k.value} value={k.value}>{k.name}</option>)}</select>
      {cursor || list.error ? null : <span class="waiting push"><span class="pulse ok" aria-hidden="true" />Live</span>}</div>
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    {said.value ? <Note tone="ok" role="status"><p>{said.value}</p></Note> : null}
    {open && list.data && !record ? <Note><p>This record is not on this page. <a href={withQuery({ record: null })}>Close it</a></p></Note> : null}
    {rows.length ? <section class="card" aria-label="Records"><LogRows rows={rows} queued={w.delivery_mode === 'queued'} caption={`Log of ${nameOf(w)}, newest first`} zone={zone()} href={(r) => withQuery({ record: r.id })} policyOf={policyOf} />
      <Pager next={list.data?.next ? withQuery({ cursor: list.data.next, record: null }) : null} first={cursor ? withQuery({ cursor: null, record: null }) : null} shown={rows.length} word={rows.length === 1 ? 'record' : 'records'} /></section>
      : list.data ? <Note><p>{q || outcome || cursor || sim ? <>Nothing matches. <a href={`/app/webhooks/${w.id}/logs`}>Clear filters</a></> : <>No mail has arrived. Send one to <code>{w.email_address}</code>.</>}</p></Note> : <p class="loading" role="status">Reading…</p>}
    {record ? <LogRecordDialog key={record.id} r={record} w={w} policyName={policyOf(record)} onClose={() => setQuery({ record: null }, 'replace')} onRetried={(text) => { said.value = text; setQuery({ record: null }, 'replace'); void list.reload(); }} /> : null}
  </Page>;
}
