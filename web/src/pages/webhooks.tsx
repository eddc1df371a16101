// The list of webhooks: where mail comes in, under which policy, and how it went in the last day.
import { api } from '../lib/api';
import { useLoad } from '../lib/load';
import { query, setQuery, withQuery } from '../lib/router';
import { mayWrite } from '../lib/session';
import { Ago, Count, Note, Page, Pager, Search, Segments, Verdict } from '../parts/basic';

export default function Webhooks() {
  const q = query.value.get('q') ?? '', active = query.value.get('active') ?? '', cursor = query.value.get('cursor') ?? '';
  const list = useLoad(`${q}|${active}|${cursor}`, (signal) => api.get('/webhooks', { query: { q, cursor, limit: 50, ...(active ? { active: active === 'true' } : {}) }, signal }));
  const rows = list.data?.data ?? [];
  const nothing = list.data && rows.length === 0;
  return <Page title="Webhooks" sub="Addresses on this gateway and where their mail is posted." actions={mayWrite.value ? <a class="btn primary" data-key="n" href="/app/webhooks/new">+ New</a> : null}>
    <form class="filters" role="search" aria-label="Webhooks" onSubmit={(e) => e.preventDefault()}>
      <Search label="Search webhooks" placeholder="Name, address or target" value={q} onSearch={(text) => setQuery({ q: text, cursor: null }, 'replace')} />
      <Segments label="Status" options={[['All', ''], ['Active', 'true'], ['Inactive', 'false']].map(([name, value]) => ({ name: name!, href: withQuery({ active: value!, cursor: null }), on: active === value }))} />
    </form>
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    {nothing ? <Note><p>Nothing matches. <a href="/app/webhooks">Clear filters</a></p></Note> : null}
    {rows.length ? <section class="card" aria-label="Webhooks"><div class="table-wrap"><table class="fold"><caption class="vh">Webhooks, newest first, with counts of the last 24 hours</caption>
      <thead><tr><th scope="col">Name</th><th scope="col">Address and target</th><th scope="col">Policy</th><th scope="col">Last delivery</th><th scope="col" class="r">Accepted</th><th scope="col" class="r">Refused</th></tr></thead>
      <tbody>{rows.map((w) => <tr key={w.id}>
        <td class="wide"><a class="name" href={`/app/webhooks/${w.id}`}>{w.name || w.email_address}</a><span class="sub"><span class={`dot ${w.is_active ? '' : 'idle'}`} />{w.is_active ? 'Active' : 'Inactive'}</span></td>
        <td class="clip wide w-addr"><span class="mono clip">{w.email_address}</span><span class="sub clip">{w.target_url === 'inbox' ? 'built-in inbox' : w.target_url}</span></td>
        <td class="wide">{w.smtp_security_policy_id ? <a href={`/app/smtp-policies/${w.smtp_security_policy_id}`}>{w.policy_name ?? 'its policy'}</a> : <Verdict is="deferred">None: accepts all mail</Verdict>}</td>
        <td class="nowrap" data-l="Last"><Ago at={w.last_delivery?.at} /></td>
        <td class="r" data-l="Accepted"><Count n={w.counts_24h?.accepted ?? 0} /></td><td class="r" data-l="Refused"><Count n={w.counts_24h?.refused ?? 0} /></td>
      </tr>)}</tbody></table></div>
      <Pager next={list.data?.next ? withQuery({ cursor: list.data.next }) : null} first={cursor ? withQuery({ cursor: null }) : null} shown={rows.length} word={rows.length === 1 ? 'webhook' : 'webhooks'} />
    </section> : null}
    {list.loading && !list.data ? <p class="loading" role="status">Reading…</p> : null}
  </Page>;
}
