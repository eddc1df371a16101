// The list of policies: which controls each turns on, from where mail may come, and how many webhooks it guards.
import { api } from '../lib/api';
import { many } from '../lib/format';
import { useLoad } from '../lib/load';
import { query, setQuery, withQuery } from '../lib/router';
import { mayWrite } from '../lib/session';
import { Ago, Controls, Count, Empty, Note, Page, Pager, Search } from '../parts/basic';
import { Icon } from '../parts/icon';

/** "203.0.113.0/24 + 4 more" */
function Sources({ list }: { list: string }) {
  const all = list.split(',').filter(Boolean);
  if (!all.length) return <span class="muted">any</span>;
  const shown = all.length > 2 ? all.slice(0, 1) : all;
  return <span class="mono" title={all.length > 2 ? all.join(', ') : undefined}>{shown.join(', ')}{all.length > shown.length ? ` + ${all.length - shown.length} more` : ''}</span>;
}

export default function Policies() {
  const q = query.value.get('q') ?? '', cursor = query.value.get('cursor') ?? '';
  const list = useLoad(`${q}|${cursor}`, (signal) => api.get('/smtp-policies', { query: { q, cursor, limit: 50 }, signal }));
  const rows = list.data?.data ?? [];
  const none = list.data !== null && rows.length === 0 && !q && !cursor;
  return <Page title="Policies" sub="What a webhook accepts. One policy can guard many webhooks; a change holds from the next command of every session, and at the end of data for recipients accepted before it."
    actions={mayWrite.value ? <a class="btn primary" data-key="n" href="/app/smtp-policies/new">+ New</a> : null}>
    {none ? null : <form class="filters" role="search" aria-label="Policies" onSubmit={(e) => e.preventDefault()}>
      <Search label="Search policies" placeholder="Part of a name" value={q} onSearch={(text) => setQuery({ q: text, cursor: null }, 'replace')} />
    </form>}
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    {none ? <Empty title="No policies yet"><p>Every webhook accepts all mail. A policy says which mail to take.</p></Empty> : null}
    {list.data && !rows.length && !none ? <Note><p>Nothing matches. <a href="/app/smtp-policies">Clear filters</a></p></Note> : null}
    {rows.length ? <section class="card" aria-label="Policies"><div class="table-wrap"><table class="fold"><caption class="vh">Policies with the controls that are on</caption>
      <thead><tr><th scope="col">Name</th><th scope="col">Controls</th><th scope="col">Source ranges</th><th scope="col" class="r">Webhooks</th><th scope="col" class="opt">Changed</th></tr></thead>
      <tbody>{rows.map((p) => {
        const open = !p.allowed_source_ips && !p.require_smtp_auth && !p.require_spf && !p.require_dkim;
        return <tr key={p.id}>
          <td class="wide policy-name"><a class="name" href={`/app/smtp-policies/${p.id}`}>{p.name}</a>{p.mode === 'shadow' ? <> <span class="tag shadow"><Icon name="eye" />Shadow<span class="vh">: refuses nothing</span></span></> : null}
            {open ? <span class="sub"><span class="v wait"><Icon name="warning" />No control is on: accepts all mail</span></span> : null}</td>
          <td class="wide"><Controls policy={p} /></td>
          <td class="wide" data-l="From"><Sources list={p.allowed_source_ips} /></td>
          <td class="r" data-l="Webhooks">{p.webhook_count ? <Count n={p.webhook_count} /> : <span class="muted">0</span>}</td>
          <td class="nowrap muted opt" data-l="Changed"><Ago at={p.updated_at} /></td>
        </tr>;
      })}</tbody></table></div>
      <Pager next={list.data?.next ? withQuery({ cursor: list.data.next }) : null} first={cursor ? withQuery({ cursor: null }) : null} shown={rows.length} word={many(rows.length, 'policy', 'policies').replace(/^\S+ /, '')} />
    </section> : null}
    {list.loading && !list.data ? <p class="loading" role="status">Reading…</p> : null}
  </Page>;
}
