// The list of webhooks: where mail comes in, under which policy, and how it went in the last day. Without any: the first steps.
import { api } from '../lib/api';
import { ago } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { query, setQuery, withQuery } from '../lib/router';
import { mayWrite } from '../lib/session';
import { Ago, Count, Note, Page, Pager, Search, Segments, Verdict } from '../parts/basic';
import { FirstSteps } from '../parts/first-steps';
import { isInbox, nameOf, NoPolicy, type Webhook } from '../parts/webhook';

type Filter = { q: string; active: string; cursor: string; policy: string };
type Listed = { data: Webhook[]; next?: string | null; cut?: boolean };
const chosen = (): Filter => ({ q: query.value.get('q') ?? '', active: query.value.get('active') ?? '', cursor: query.value.get('cursor') ?? '', policy: query.value.get('policy') ?? '' });

/** The API has no filter by policy: then up to a thousand are read and sifted here. */
async function list({ q, active, cursor, policy }: Filter, signal: AbortSignal): Promise<Listed> {
  const filter = { q, ...(active ? { active: active === 'true' } : {}) };
  if (!policy) return api.get('/webhooks', { query: { ...filter, cursor, limit: 50 }, signal });
  const all: Webhook[] = [];
  let from = '';
  for (let page = 0; page < 5; ++page) {
    const part = await api.get('/webhooks', { query: { ...filter, cursor: from, limit: 200 }, signal });
    all.push(...part.data.filter((w) => (policy === 'none' ? w.smtp_security_policy_id === null : w.smtp_security_policy_id === policy)));
    if (!part.next) return { data: all };
    from = part.next;
  }
  return { data: all, cut: true };
}

export default function Webhooks() {
  const filter = chosen(), first = query.value.get('first') ?? '';
  const filtered = Boolean(filter.q || filter.active || filter.cursor || filter.policy);
  const loaded = useLoad(JSON.stringify(filter) + first, (signal) => list(filter, signal));
  const policies = useLoad('policies', (signal) => api.get('/smtp-policies', { query: { limit: 200 }, signal }));
  useEvery(30_000, () => { if (!filter.policy && !loaded.loading) void loaded.reload(); });
  const rows = loaded.data?.data ?? [];
  if (first || (loaded.data && rows.length === 0 && !filtered)) return <FirstSteps id={first} />;
  const refusing = rows.find((w) => w.name === firstRefusal && !w.last_delivery && !w.counts_24h?.refused);
  const open = rows.filter((w) => w.is_active && !w.smtp_security_policy_id).length;
  return <Page title="Webhooks" sub="Addresses on this gateway and where their mail is posted." actions={mayWrite.value ? <a class="btn primary" data-key="n" href="/app/webhooks/new">+ New</a> : null}>
    <form class="filters" role="search" aria-label="Webhooks" onSubmit={(e) => e.preventDefault()}>
      <Search label="Search webhooks" placeholder="Name, address or target" value={filter.q} onSearch={(text) => setQuery({ q: text, cursor: null }, 'replace')} />
      <Segments label="Status" options={[['All', ''], ['Active', 'true'], ['Inactive', 'false']].map(([name, value]) => ({ name: name!, href: withQuery({ active: value!, cursor: null }), on: filter.active === value }))} />
      <label class="vh" for="policy-filter">Policy</label>
      <select id="policy-filter" class="inline-sel" value={filter.policy} onChange={(e) => setQuery({ policy: e.currentTarget.value, cursor: null })}>
        <option value="">Any policy</option><option value="none">No policy</option>{(policies.data?.data ?? []).map((p) => <option key={p.id} value={p.id}>{p.name}</option>)}</select>
    </form>
 {refusing && !filtered ? <FirstRefusal w={refusing} /> : null}
    {loaded.error ? <Note tone="no" role="alert"><p>{loaded.error.message}</p></Note> : null}
    {open > 0 && filter.policy !== 'none' ? <Note tone="wait"><p>{open === 1 ? 'One webhook here has' : `${open} webhooks here have`} no policy and {open === 1 ? 'accepts' : 'accept'} all mail. <a href={withQuery({ policy: 'none', cursor: null })}>Show {open === 1 ? 'it' : 'them'}</a></p></Note> : null}
    {loaded.data && rows.length === 0 ? <Note><p>Nothing matches. <a href="/app/webhooks">Clear filters</a></p></Note> : null}
    {rows.length ? <section class="card" aria-label="Webhooks"><Table rows={rows} />
      {loaded.data?.cut ? <div class="pager"><span>Only the newest thousand webhooks were looked at.</span></div> : null}
      <Pager next={loaded.data?.next ? withQuery({ cursor: loaded.data.next }) : null} first={filter.cursor ? withQuery({ cursor: null }) : null} shown={rows.length} word={rows.length === 1 ? 'webhook' : 'webhooks'} />
    </section> : null}
    {loaded.loading && !loaded.data ? <p class="loading" role="status">Reading…</p> : null}
  </Page>;
}

/** The webhook that the first start of a gateway makes, with a policy that refuses this machine (src/serve/first_steps.cc). */
const firstRefusal = 'refuses this machine';
/** Shown until it has refused a first mail. */
function FirstRefusal({ w }: { w: Webhook }) {
  return <section class="card" aria-label="First steps"><ol class="steps">
    <li class="now"><div><h2>Open the address that refuses this machine</h2><p class="muted">Its policy accepts mail from another network only.</p><div class="actions"><a class="btn primary" href={`/app/webhooks/${w.id}`}>Open {w.name}</a></div></div></li>
    <li><div><h2>Send a test mail</h2><p class="muted">One click. This server sends it to itself, over SMTP, and shows the dialogue with the refusal.</p></div></li>
    <li><div><h2>See why it was refused</h2><p class="muted">The trace names the rule, its field, what it saw, and what would have changed the answer.</p></div></li>
  </ol></section>;
}

const Table = ({ rows, top = busiest(rows) }: { rows: Webhook[]; top?: number }) => <div class="table-wrap"><table class="fold"><caption class="vh">Webhooks, newest first, with counts of the last 24 hours</caption>
  <thead><tr><th scope="col">Name</th><th scope="col">Address and target</th><th scope="col">Policy</th><th scope="col">Last delivery</th><th scope="col" class="opt">24 hours</th><th scope="col" class="r">Accepted</th><th scope="col" class="r">Refused</th></tr></thead>
  <tbody>{rows.map((w) => <tr key={w.id}>
    <td class="wide"><a class="name" href={`/app/webhooks/${w.id}`}>{nameOf(w)}</a><span class="sub"><State w={w} /></span></td>
    <td class="clip wide w-addr"><span class="mono clip" title={w.email_address}>{w.email_address}</span><span class="sub clip" title={w.target_url}>{isInbox(w) ? 'built-in inbox' : w.target_url}</span></td>
    <td class="wide">{w.smtp_security_policy_id ? <a href={`/app/smtp-policies/${w.smtp_security_policy_id}`}>{w.policy_name ?? 'Its policy'}</a> : <NoPolicy />}</td>
    <td class="nowrap" data-l="Last">{failing(w) ? <Verdict is="refused">{w.last_delivery?.http_status ?? 'no answer'}, {ago(w.last_delivery!.at)}</Verdict> : w.last_delivery ? <Ago at={w.last_delivery.at} /> : <span class="muted">{w.counts_24h?.refused ? 'none: all refused' : 'none yet'}</span>}</td>
    <td class="hide opt"><Spark w={w} top={top} /></td>
    <td class="r" data-l="Accepted"><Count n={w.counts_24h?.accepted ?? 0} /></td><td class="r" data-l="Refused"><Count n={w.counts_24h?.refused ?? 0} /></td>
  </tr>)}</tbody></table></div>;

const failing = (w: Webhook): boolean => w.last_delivery?.outcome === 'failure';
function State({ w }: { w: Webhook }) {
  if (!w.is_active) return <><span class="dot idle" />Inactive</>;
  return failing(w) ? <><span class="dot bad" />Failing</> : <><span class="dot" />Active</>;
}

/** Nothing is green while the endpoint fails: what was accepted waits. The day by the hour, on one scale for all rows: a bar is as high as its mail is much beside the busiest hour shown. */
function Spark({ w, top }: { w: Webhook; top: number }) {
  const hours = w.counts_24h?.hours ?? [], height = 20, scale = (n: number) => (n ? Math.max(1.5, (height * Math.sqrt(n)) / Math.sqrt(top)) : 0);
  return <svg class="mini" viewBox="0 0 72 22" aria-hidden="true"><rect class="trk" x="0" y="21" width="72" height="1" />{hours.map((h, i) => {
    const all = h.accepted + h.deferred + h.refused, full = scale(all);
    let y = 21;
    return kinds.map(([kind, fill]) => { const part = all ? (full * h[kind]) / all : 0; if (!part) return null; y -= part; return <rect key={`${i}${kind}`} class={kind === 'accepted' && failing(w) ? 'f-wait' : fill} x={i * 3} y={y} width="2.2" height={part} />; });
  })}</svg>;
}
const kinds = [['accepted', 'f-ok'], ['deferred', 'f-wait'], ['refused', 'f-no']] as const;
const busiest = (rows: Webhook[]): number => Math.max(1, ...rows.flatMap((w) => (w.counts_24h?.hours ?? []).map((h) => h.accepted + h.deferred + h.refused)));
