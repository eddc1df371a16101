// The list of policies: which controls each turns on, from where mail may come, and how many webhooks it guards.
import { api, type Schemas } from '../lib/api';
import { controls, isOn, type Control } from '../lib/controls';
import { many } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { query, setQuery, withQuery } from '../lib/router';
import { mayWrite } from '../lib/session';
import { Ago, Controls, Count, Empty, Note, Page, Pager, Search } from '../parts/basic';
import { Icon } from '../parts/icon';

type Policy = Schemas['Policy'];
const pages = 5;

/** Every row of a list, up to a thousand; `cut`: there are more. */
async function whole<T>(read: (cursor: string) => Promise<{ data: T[]; next?: string | null }>): Promise<{ data: T[]; cut: boolean }> {
  const data: T[] = [];
  for (let page = 0, cursor = ''; page < pages; ++page) {
    const part = await read(cursor);
    data.push(...part.data);
    if (!part.next) return { data, cut: false };
    cursor = part.next;
  }
  return { data, cut: true };
}

/** What the webhooks of each policy accepted and refused in the last 24 hours; null where there are too many to add up. */
async function dayOf(signal: AbortSignal): Promise<Map<string, { accepted: number; refused: number }> | null> {
  const webhooks = await whole((cursor) => api.get('/webhooks', { query: { cursor, limit: 200 }, signal }));
  if (webhooks.cut) return null;
  const sums = new Map<string, { accepted: number; refused: number }>();
  for (const w of webhooks.data) {
    const sum = sums.get(w.smtp_security_policy_id ?? '') ?? { accepted: 0, refused: 0 };
    sums.set(w.smtp_security_policy_id ?? '', { accepted: sum.accepted + (w.counts_24h?.accepted ?? 0), refused: sum.refused + (w.counts_24h?.refused ?? 0) });
  }
  return sums;
}

/** A control's value in the filter: "?control=ip". */
const chosen = (control: Control): string => control.brief.toLowerCase();
const none = (p: Policy): boolean => controls.every((c) => !isOn(p, c));

/** The API has no such filters: with one, up to a thousand policies are read and sifted here. */
async function read({ q, cursor, control, used }: { q: string; cursor: string; control: string; used: string }, signal: AbortSignal): Promise<{ data: Policy[]; next?: string | null; cut?: boolean }> {
  if (!control && !used) return api.get('/smtp-policies', { query: { q, cursor, limit: 50 }, signal });
  const all = await whole((from) => api.get('/smtp-policies', { query: { q, cursor: from, limit: 200 }, signal }));
  const one = controls.find((c) => chosen(c) === control);
  const has = one ? (p: Policy) => isOn(p, one) : control === 'none' ? none : () => true;
  return { data: all.data.filter((p) => has(p) && (!used || (used === 'yes') === p.webhook_count > 0)), cut: all.cut };
}

/** "203.0.113.0/24 + 4 more" */
function Sources({ list }: { list: string }) {
  const all = list.split(',').filter(Boolean);
  if (!all.length) return <span class="muted">any</span>;
  const shown = all.length > 2 ? all.slice(0, 1) : all;
  return <span class="mono" title={all.length > 2 ? all.join(', ') : undefined}>{shown.join(', ')}{all.length > shown.length ? ` + ${all.length - shown.length} more` : ''}</span>;
}

export default function Policies() {
  const q = query.value.get('q') ?? '', cursor = query.value.get('cursor') ?? '';
  const control = query.value.get('control') ?? '', used = query.value.get('used') ?? '';
  const list = useLoad(`${q}|${cursor}|${control}|${used}`, (signal) => read({ q, cursor, control, used }, signal));
  const day = useLoad('day', dayOf);
  useEvery(30_000, () => { if (!day.loading) void day.reload(); });
  const rows = list.data?.data ?? [];
  const empty = list.data !== null && rows.length === 0 && !q && !cursor && !control && !used;
  const counted = (p: Policy, kind: 'accepted' | 'refused') => day.data && p.webhook_count ? <Count n={day.data.get(p.id)?.[kind] ?? 0} /> : <span class="muted">–</span>;
  return <Page title="Policies" sub="What a webhook accepts. One policy can guard many webhooks; a change holds from the next command of every session, and at the end of data for recipients accepted before it."
    actions={mayWrite.value ? <a class="btn primary" data-key="n" href="/app/smtp-policies/new">+ New</a> : null}>
    {empty ? null : <form class="filters" role="search" aria-label="Policies" onSubmit={(e) => e.preventDefault()}>
      <Search label="Search policies" placeholder="Part of a name" value={q} onSearch={(text) => setQuery({ q: text, cursor: null }, 'replace')} />
      <label class="vh" for="control-filter">Control</label>
      <select id="control-filter" class="inline-sel" value={control} onChange={(e) => setQuery({ control: e.currentTarget.value, cursor: null })}><option value="">Any control</option>{controls.map((c) => <option key={c.name} value={chosen(c)}>{c.label}</option>)}<option value="none">No control</option></select>
      <label class="vh" for="used-filter">Use</label>
      <select id="used-filter" class="inline-sel" value={used} onChange={(e) => setQuery({ used: e.currentTarget.value, cursor: null })}><option value="">Used or not</option><option value="yes">Used</option><option value="no">Not used</option></select>
    </form>}
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    {empty ? <Empty title="No policies yet"><p>Every webhook accepts all mail. A policy says which mail to take.</p></Empty> : null}
    {list.data && !rows.length && !empty ? <Note><p>Nothing matches. <a href="/app/smtp-policies">Clear filters</a></p></Note> : null}
    {rows.length ? <section class="card" aria-label="Policies"><div class="table-wrap"><table class="fold"><caption class="vh">Policies with the controls that are on, and counts of the last 24 hours</caption>
      <thead><tr><th scope="col">Name</th><th scope="col">Controls</th><th scope="col">Source ranges</th><th scope="col" class="r">Webhooks</th><th scope="col" class="r">Accepted</th><th scope="col" class="r">Refused</th><th scope="col" class="opt">Changed</th></tr></thead>
      <tbody>{rows.map((p) => {
        const open = none(p);
        return <tr key={p.id}>
          <td class="wide policy-name"><a class="name" href={`/app/smtp-policies/${p.id}`}>{p.name}</a>{p.mode === 'shadow' ? <> <span class="tag shadow"><Icon name="eye" />Shadow<span class="vh">: refuses nothing</span></span></> : null}
            {open ? <span class="sub"><span class="v wait"><Icon name="warning" />No control is on: accepts all mail</span></span> : null}</td>
          <td class="wide"><Controls policy={p} /></td>
          <td class="wide" data-l="From"><Sources list={p.allowed_source_ips} /></td>
          <td class="r" data-l="Webhooks">{p.webhook_count ? <Count n={p.webhook_count} /> : <span class="muted">0</span>}</td>
          <td class="r" data-l="Accepted">{counted(p, 'accepted')}</td><td class="r" data-l="Refused">{counted(p, 'refused')}</td>
          <td class="nowrap muted opt" data-l="Changed"><Ago at={p.updated_at} /></td>
        </tr>;
      })}</tbody></table></div>
      {list.data?.cut ? <div class="pager"><span>Only the newest thousand policies were looked at.</span></div> : null}
      <Pager next={list.data?.next ? withQuery({ cursor: list.data.next }) : null} first={cursor ? withQuery({ cursor: null }) : null} shown={rows.length} word={many(rows.length, 'policy', 'policies').replace(/^\S+ /, '')} />
    </section> : null}
    {list.loading && !list.data ? <p class="loading" role="status">Reading…</p> : null}
  </Page>;
}
