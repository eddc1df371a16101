// Traces: how much was accepted and refused, why, and every decision; the newest join by themselves.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { api, type ApiError } from '../lib/api';
import { day, zone } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { query, setQuery, withQuery } from '../lib/router';
import { kept, liveWords, useTail, type Tail, type Trace } from '../lib/tail';
import { announce } from '../parts/announce';
import { At, Note, Page, Pager, Segments } from '../parts/basic';
import { Icon } from '../parts/icon';
import { TraceTable } from './traces-table';
import { Overview, ranges } from './traces-overview';
import { WordSearch } from './traces-search';

const outcomes: [string, string][] = [['All', ''], ['Accepted', 'accepted'], ['Refused', 'rejected'], ['Deferred', 'deferred']];
type Outcome = 'accepted' | 'rejected' | 'deferred' | 'aborted';

export default function Traces() {
  const words = query.value;
  const q = words.get('q') ?? '', outcome = words.get('outcome') ?? '', webhook = words.get('webhook_id') ?? '', cursor = words.get('cursor') ?? '';
  const range = ranges[words.get('range') ?? ''] ? words.get('range')! : '24h';
  const list = useLoad(`${q}|${outcome}|${webhook}|${cursor}`, (signal) =>
    api.get('/traces', { query: { q, cursor, limit: 50, webhook_id: webhook, ...(outcome ? { outcome: outcome as Outcome } : {}) }, signal }));
  const bad = list.error?.status === 422 ? list.error : null;
  const first = cursor === '', on = first && words.get('live') !== 'off' && !bad;
  const reading = useReading();
  const tail = useTail(on, { q, webhook_id: webhook }, (one) => outcome === '' || one.outcome === outcome, reading.held, () => void list.reload());
  useEffect(() => tail.clear(), [outcome]);
  const filtered = q !== '' || outcome !== '' || webhook !== '';
  return <Page title="Traces" sub="Every decision, and the rule that made it." actions={<><Segments label="Range" options={Object.keys(ranges).map((name) => ({ name: ranges[name]!.short, href: withQuery({ range: name === '24h' ? null : name }), on: range === name }))} />
    {first ? <button type="button" class="btn" onClick={() => setQuery({ live: on ? 'off' : null }, 'replace')}><Icon name={on ? 'pause' : 'right'} />{on ? 'Pause' : 'Go live'}</button> : null}</>}>
    <Overview range={range} webhook={webhook} />
    <form class="filters" role="search" aria-label="Traces" onSubmit={(e) => e.preventDefault()}>
      <WordSearch value={q} error={bad} onSearch={(text) => setQuery({ q: text, cursor: null })} />
      <Segments label="Outcome" options={outcomes.map(([name, value]) => ({ name, href: withQuery({ outcome: value, cursor: null }), on: outcome === value }))} />
      {first ? <LiveStatus tail={tail} held={reading.held.value} /> : null}
    </form>
    {webhook ? <p class="small">Of one <a href={`/app/webhooks/${webhook}`}>webhook</a> only. <a href={withQuery({ webhook_id: null, cursor: null })}>Of all</a></p> : null}
    {list.error && !bad ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    {bad ? null : <Decisions list={list} tail={tail} first={first} filtered={filtered} reading={reading} />}
  </Page>;
}

type Reading = ReturnType<typeof useReading>;
/** Whether somebody reads: the pointer or the focus is in the table, or the page is scrolled. */
function useReading() {
  const held = useSignal(false), why = useRef({ pointer: false, focus: false, scroll: false });
  const set = (part: Partial<typeof why.current>) => { Object.assign(why.current, part); held.value = Object.values(why.current).some(Boolean); };
  useEffect(() => {
    const look = () => set({ scroll: scrollY > 40 });
    look();
    addEventListener('scroll', look, { passive: true });
    return () => removeEventListener('scroll', look);
  }, []);
  return { held, handlers: {
    onPointerEnter: (e: PointerEvent) => set({ pointer: e.pointerType === 'mouse' }), onPointerLeave: () => set({ pointer: false }),
    onFocusIn: () => set({ focus: true }), onFocusOut: (e: FocusEvent) => set({ focus: (e.currentTarget as Element).contains(e.relatedTarget as Node | null) }),
  } };
}

/** How fast decisions come. What it says changes too often for a reader: that hears it once a minute. */
function LiveStatus({ tail, held }: { tail: Tail; held: boolean }) {
  const state = tail.state.value, text = liveWords(state, tail.rate.value, held);
  useEvery(60_000, () => { if (tail.state.peek() === 'live') announce(liveWords('live', tail.rate.peek(), held)); });
  return <span class="waiting push"><span class={`pulse ${state === 'live' ? 'ok' : ''} ${held || state === 'off' ? 'still' : ''}`} aria-hidden="true" />{text}</span>;
}

interface List { data: { data: Trace[]; next?: string | null; complete?: boolean; searched_to?: string | null; oldest_at?: string | null } | null; error: ApiError | null; loading: boolean; reload: () => Promise<void> }

/** The rows that joined and those that were read, each once. */
function merged(joined: Trace[], read: Trace[]): Trace[] {
  if (joined.length === 0) return read;
  const seen = new Set<string>();
  return [...joined, ...read].filter((one) => !seen.has(one.id) && seen.add(one.id)).sort((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0));
}

function Decisions({ list, tail, first, filtered, reading }: { list: List; tail: Tail; first: boolean; filtered: boolean; reading: Reading }) {
  const all = merged(first ? tail.rows.value : [], list.data?.data ?? []);
  const rows = all.slice(0, Math.max(kept, list.data?.data.length ?? 0)), cut = rows.length < all.length;
  const searching = list.data?.complete === false, next = list.data?.next ?? null, waiting = first ? tail.waiting.value.length : 0;
  if (!list.data && list.loading) return <p class="loading" role="status">Reading…</p>;
  const refresh = () => { tail.clear(); void list.reload(); };
  const shown = () => { tail.join(); document.getElementById('decisions')?.scrollIntoView({ block: 'start' }); };
  return <div class="tail">
    {waiting ? <div class="tail-new"><button type="button" class="btn sm primary" onClick={shown}>{waiting >= kept ? `${kept} or more` : waiting} new</button></div> : null}
    {rows.length ? <section class="card" id="decisions" aria-label="Decisions" {...reading.handlers}>
      <TraceTable rows={rows} zone={zone()} />
      {searching ? <p class="searched">Searched back to {list.data?.searched_to ? <At at={list.data.searched_to} /> : 'here'}.{next ? <> <a href={withQuery({ cursor: next })}>Search further</a></> : null}</p> : null}
      {cut ? <div class="pager"><span>The newest {kept}</span><button type="button" class="btn sm" onClick={refresh}>Read the list again</button></div>
        : <Pager next={next ? withQuery({ cursor: next }) : null} first={first ? null : withQuery({ cursor: null })} shown={rows.length} word={rows.length === 1 ? 'decision' : 'decisions'} />}
    </section> : list.data ? <Nothing list={list} first={first} filtered={filtered} /> : null}
  </div>;
}

function Nothing({ list, first, filtered }: { list: List; first: boolean; filtered: boolean }) {
  const { complete, searched_to, next, oldest_at } = list.data!;
  if (complete === false && next) return <Note><p>Nothing yet. Searched back to {searched_to ? <At at={searched_to} /> : 'here'}. <a href={withQuery({ cursor: next })}>Search further</a></p></Note>;
  if (filtered || !first) return <Note><p>Nothing matches.{oldest_at ? ` The oldest trace is of ${day(oldest_at)}.` : ''} <a href="/app/traces">Clear filters</a></p></Note>;
  return <Note><p>No mail has arrived. Send one to an address of your <a href="/app/webhooks">webhooks</a>: it shows here.</p></Note>;
}
