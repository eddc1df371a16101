// The queue: how much waits, where it does not go, and what an operator does about it.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, ApiError } from '../lib/api';
import { many } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { query, setQuery, withQuery } from '../lib/router';
import { gateway, lookAtGateway, mayWrite } from '../lib/session';
import { announce } from '../parts/announce';
import { Ago, Empty, Foreign, Note, Page, Pager, Segments } from '../parts/basic';
import { Icon } from '../parts/icon';
import { act, done, DropDialog, first, Next, Place, State, type Action, type Message } from '../parts/queue';
import { Filters, Slow, Totals, type Destination } from './queue-parts';

const states: [string, string][] = [['All', ''], ['Waiting', 'queued'], ['Held', 'held'], ['Quarantined', 'quarantined'], ['Dead', 'dead']];
const names = ['state', 'destination', 'sender', 'recipient', 'older_than'] as const;
type Filter = Partial<Record<(typeof names)[number], string>>;

export default function Queue() {
  const words = query.value, before = words.get('before') ?? '';
  const filter: Filter = Object.fromEntries(names.map((name) => [name, words.get(name) ?? '']).filter(([, value]) => value));
  const key = JSON.stringify(filter) + before;
  const list = useLoad(key, (signal) => api.get('/queue', { query: { ...filter, state: filter.state as 'held' | undefined, before, page_size: 50 }, signal }));
  const places = useLoad('', (signal) => api.get('/queue/destinations', { signal }));
  const refresh = async () => { await Promise.all([list.reload(), places.reload(), lookAtGateway()]); };
  useEvery(10_000, () => void refresh());
  const rows = list.data?.data ?? [], picked = usePicked(rows, key), work = useWork(filter, picked, refresh);
  const destinations: Destination[] = places.data?.data ?? [], filtered = Object.keys(filter).length > 0;
  return <Page title="Queue" sub="Accepted mail that is not delivered yet. Each message is on disk until it is delivered, or you drop it.">
    <Totals destinations={destinations} />
    <Slow destinations={destinations} />
    <form class="filters" role="search" aria-label="Queue" onSubmit={(e) => e.preventDefault()}>
      <Segments label="State" options={states.map(([name, value]) => ({ name, href: withQuery({ state: value, before: null }), on: (filter.state ?? '') === value }))} />
      <Filters filter={filter} destinations={destinations} onFilter={(part) => setQuery({ ...part, before: null }, 'replace')} />
    </form>
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    <Result work={work} />
    {rows.length ? <section class="card" aria-label="Messages">
      {mayWrite.value && picked.ids.size ? <Bulk picked={picked} work={work} more={filtered && (!!list.data?.next || !!before)} known={known(filter, destinations)} /> : null}
      <Messages rows={rows} picked={picked} />
      <Pager next={list.data?.next ? withQuery({ before: list.data.next }) : null} first={before ? withQuery({ before: null }) : null} shown={rows.length} word={rows.length === 1 ? 'message' : 'messages'} />
    </section> : null}
    {list.data && !rows.length ? filtered || before ? <Note><p>Nothing matches. <a href="/app/queue">Clear filters</a></p></Note> : <Empty title="Nothing is waiting."><p class="muted">Everything that was accepted has been delivered. Mail is listed here while it waits for its next attempt, and when it is held, quarantined or given up.</p></Empty> : null}
    {list.loading && !list.data && !list.error ? <p class="loading" role="status">Reading…</p> : null}
    {work.asking.value ? <DropDialog n={picked.all ? null : picked.ids.size} senders={picked.rows.map((m) => m.sender ?? '')} busy={work.progress.value !== ''} onKeep={() => { work.asking.value = false; }} onDrop={(notify) => { work.asking.value = false; void work.run('drop', notify); }} /> : null}
  </Page>;
}

/** How many recipients a filter meets, where that is known without counting: by state and destination alone. Of messages nobody has the number. */
function known(filter: Filter, destinations: Destination[]): number | null {
  if (filter.sender || filter.recipient || filter.older_than) return null;
  const state = filter.state as 'queued' | 'held' | 'dead' | 'quarantined' | undefined, one = destinations.find((d) => d.destination === filter.destination);
  if (filter.destination) return one ? (state ? one[state] ?? 0 : (one.queued ?? 0) + (one.held ?? 0) + (one.dead ?? 0) + (one.quarantined ?? 0)) : null;
  return state ? gateway.value?.queue?.[state] ?? null : null;
}

/** Which rows are selected; those that have gone leave the selection. */
function usePicked(rows: Message[], key: string) {
  const chosen = useSignal<ReadonlySet<string>>(new Set()), all = useSignal(false);
  useEffect(() => { chosen.value = new Set(); all.value = false; }, [key]);
  const here = rows.filter((m) => chosen.value.has(m.id ?? ''));
  const clear = () => { chosen.value = new Set(); all.value = false; };
  useEffect(() => {
    const leave = (event: KeyboardEvent) => { if (event.key === 'Escape' && chosen.peek().size && !document.querySelector('dialog[open]') && !(event.target as Element).matches('input[type=search]')) {
      if (document.activeElement?.closest('.bulk')) document.querySelector<HTMLElement>('main thead input')?.focus();  // the bar goes
      clear();
      announce('Nothing is selected.');
    } };
    addEventListener('keydown', leave);
    return () => removeEventListener('keydown', leave);
  }, []);
  return { rows: here, ids: new Set(here.map((m) => m.id!)), all: all.value, clear, takeAll() { all.value = true; },
    pick(id: string, on: boolean) { const next = new Set(chosen.peek()); if (on) next.add(id); else next.delete(id); chosen.value = next; all.value = false; },
    page(on: boolean) { chosen.value = new Set(on ? rows.map((m) => m.id!) : []); all.value = false; } };
}
type Picked = ReturnType<typeof usePicked>;

function useWork(filter: Filter, picked: Picked, refresh: () => Promise<void>) {
  const progress = useSignal(''), result = useSignal<{ text: string; refused: string[] } | null>(null), asking = useSignal(false);
  const matching = async (action: Action, notify: boolean) => {
    let changed = 0, skipped = 0, before: string | undefined;
    do {
      const answer = await api.post('/queue/actions', { body: { action, filter, ...(before ? { before } : {}), ...(action === 'drop' ? { notify } : {}) } });
      changed += answer.changed ?? 0;
      skipped += answer.skipped ?? 0;
      before = answer.next ?? undefined;
      progress.value = `${many(changed, 'message')} ${done[action]} so far`;
    } while (before);
    return { changed, skipped, refused: [] as string[] };
  };
  const selected = async (action: Action, notify: boolean) => {
    let changed = 0;
    const refused: string[] = [], ids = [...picked.ids];
    for (const id of ids) {
      const no = await act(id, action, notify);
      if (no) refused.push(`${id}: ${no}`); else ++changed;
      progress.value = `${changed + refused.length} of ${ids.length}`;
    }
    return { changed, skipped: refused.length, refused };
  };
  const run = async (action: Action, notify = false) => {
    if (progress.peek()) return;
    progress.value = 'Working';
    result.value = null;
    try {
      const { changed, skipped, refused } = picked.all ? await matching(action, notify) : await selected(action, notify);
      result.value = { text: `${many(changed, 'message')} ${done[action]}.${skipped ? ` ${many(skipped, 'was', 'were')} left as ${skipped === 1 ? 'it is' : 'they are'}.` : ''}`, refused };
      picked.clear();
    } catch (trouble) { result.value = { text: 'It stopped before the end; the changes made so far remain.', refused: [trouble instanceof ApiError ? trouble.message : String(trouble)] }; }
    progress.value = '';
    announce(result.value!.text);
    document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });  // the button that was pressed is gone
    await refresh();
  };
  return { progress, result, asking, run };
}
type Work = ReturnType<typeof useWork>;

function Result({ work }: { work: Work }) {
  const result = work.result.value;
  if (!result) return null;
  return <Note tone={result.refused.length ? 'wait' : 'ok'}><p>{result.text}</p>{result.refused.length ? <ul>{result.refused.slice(0, 10).map((r) => <li key={r}>{r}</li>)}</ul> : null}</Note>;
}

function Bulk({ picked, work, more, known: n }: { picked: Picked; work: Work; more: boolean; known: number | null }) {
  const busy = work.progress.value, button = (action: Action, word: string, icon: 'again' | 'pause' | 'right') => <button type="button" class="btn sm" aria-disabled={busy !== ''} onClick={() => void work.run(action)}><Icon name={icon} />{word}</button>;
  return <div class="bulk top" role="group" aria-label="Selected messages"><b>{picked.all ? (n === null ? 'All that match' : `All that match: ${many(n, 'recipient')}`) : `${picked.ids.size} selected`}</b>
    {more && !picked.all ? <button type="button" class="btn sm ghost" onClick={() => picked.takeAll()}>Select all that match</button> : null}
    {busy ? <span role="status">{busy}</span> : null}
    <span class="actions push">{button('retry', 'Retry now', 'again')}{button('hold', 'Hold', 'pause')}{button('release', 'Release', 'right')}
      <button type="button" class="btn sm danger" aria-disabled={busy !== ''} onClick={() => { if (!busy) work.asking.value = true; }}><Icon name="bin" />Drop…</button></span></div>;
}

function Messages({ rows, picked }: { rows: Message[]; picked: Picked }) {
  const may = mayWrite.value;
  return <div class="table-wrap"><table class="fold"><caption class="vh">Messages that wait, newest first</caption>
    <thead><tr>{may ? <th scope="col"><label class="pickbox"><span class="vh">Select all shown</span><input class="tick" type="checkbox" checked={picked.ids.size === rows.length} onChange={(e) => picked.page(e.currentTarget.checked)} /></label></th> : null}
      <th scope="col">State</th><th scope="col">Message</th><th scope="col">Last answer</th><th scope="col">Next attempt</th><th scope="col" class="r">Received</th></tr></thead>
    <tbody>{rows.map((m) => <Row key={m.id} message={m} picked={picked} may={may} />)}</tbody></table></div>;
}

function Row({ message: m, picked, may }: { message: Message; picked: Picked; may: boolean }) {
  const one = first(m), n = m.recipient_count ?? m.recipients?.length ?? 0, on = picked.ids.has(m.id!);
  return <tr aria-selected={may ? on : undefined}>
    {may ? <td class="pick"><label class="pickbox"><span class="vh">Select the message of {m.sender || 'the null sender'}</span><input class="tick" type="checkbox" checked={on} onChange={(e) => picked.pick(m.id!, e.currentTarget.checked)} /></label></td> : null}
    <td class="nowrap state"><State of={one} damaged={!!m.damage} /></td>
    <td class="clip wide w-30"><a class="name mono clip time" href={`/app/queue/${m.id}`}>{m.sender ? <Foreign text={m.sender} /> : '<>'}</a><span class="sub clip">to <Foreign text={one?.address} />{n > 1 ? ` and ${n - 1} more` : ''}, <Place of={one?.destination} /></span></td>
    <td class="wide w-answer clip"><span class="clip">{m.damage ? <Foreign text={m.damage} /> : one?.last_reply ? <Foreign text={one.last_reply} /> : one?.quarantine ? <Foreign text={one.quarantine} /> : <span class="muted">none yet</span>}</span><span class="sub num">{one?.attempts ? many(one.attempts, 'attempt') : 'not tried'}</span></td>
    <td class="nowrap num" data-l="Next"><Next of={one} /></td>
    <td class="r nowrap" data-l="Received"><Ago at={m.received_at} /></td>
  </tr>;
}
