// Of the queue's page: the four numbers, the destinations that fail for many, the filters.
import { useEffect, useState } from 'preact/hooks';
import type { Schemas } from '../lib/api';
import { count, span } from '../lib/format';
import { setQuery, withQuery } from '../lib/router';
import { gateway } from '../lib/session';
import { Ago, Note } from '../parts/basic';
import { Icon } from '../parts/icon';
import { Place } from '../parts/queue';

export type Destination = Schemas['QueueDestination'];
const seconds = (at: string): number => Math.max(0, (Date.now() - new Date(at).getTime()) / 1000);

/** Recipients by state, as `postern queue destinations` has them; without the gateway's count, what the destinations say. */
export function Totals({ destinations }: { destinations: Destination[] }) {
  const sum = (state: 'queued' | 'held' | 'dead' | 'quarantined') => gateway.value?.queue?.[state] ?? destinations.reduce((n, d) => n + (d[state] ?? 0), 0);
  const oldest = destinations.filter((d) => d.queued && d.oldest_at).map((d) => d.oldest_at!).sort()[0], next = destinations.filter((d) => d.next_attempt_at).map((d) => d.next_attempt_at!).sort()[0];
  const dead = sum('dead');
  return <section class="card" aria-label="Totals"><p class="small muted">Recipients, by their state</p><dl class="tiles">
    <div><dt>Waiting</dt><dd>{count(sum('queued'))}</dd><dd>{next ? new Date(next).getTime() > Date.now() ? <>next <Ago at={next} /></> : 'the next is due' : oldest ? `oldest ${span(seconds(oldest))}` : 'nothing to try'}</dd></div>
    <div><dt>Held</dt><dd>{count(sum('held'))}</dd><dd>until released</dd></div>
    <div><dt>Quarantined</dt><dd class={sum('quarantined') ? 'wait' : ''}>{count(sum('quarantined'))}</dd><dd>kept back by a policy</dd></div>
    <div><dt>Dead letters</dt><dd class={dead ? 'no' : ''}>{count(dead)}</dd><dd>{dead ? <a href={withQuery({ state: 'dead', before: null })}>Show them</a> : 'given up after their last attempt'}</dd></div>
  </dl></section>;
}

const manyWait = 5, longWait = 3600;
/** A destination that nobody answers at, or where much waits for long. */
export function Slow({ destinations }: { destinations: Destination[] }) {
  const slow = destinations.filter((d) => (d.queued ?? 0) > 0 && (d.sleeping_until || ((d.queued ?? 0) >= manyWait && d.oldest_at && seconds(d.oldest_at) > longWait))).sort((a, b) => (b.queued ?? 0) - (a.queued ?? 0));
  return <>{slow.slice(0, 3).map((d) => <Note tone="wait" key={d.destination}><p><strong>{d.sleeping_until ? <>No answer from <Place of={d.destination} />.</> : <>Mail for <Place of={d.destination} /> has waited long.</>}</strong>{' '}
    {count(d.queued ?? 0)} {d.queued === 1 ? 'recipient waits' : 'recipients wait'}{d.oldest_at ? `, the oldest for ${span(seconds(d.oldest_at))}` : ''}{d.sleeping_until && new Date(d.sleeping_until).getTime() > Date.now() ? <>; it is tried <Ago at={d.sleeping_until} /></> : null}. <a href={withQuery({ destination: d.destination ?? '', state: null, before: null })}>Show only these</a></p></Note>)}
    {slow.length > 3 ? <p class="small muted">{slow.length - 3} more destinations are slow.</p> : null}</>;
}

/** An address that must be met as a whole: Enter or leaving the field takes it. */
function Whole({ name, label, value, keys }: { name: string; label: string; value: string; keys?: boolean }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const take = (given: string) => { if (given.trim() !== value) setQuery({ [name]: given.trim(), before: null }, 'replace'); };
  return <div class="search"><Icon name="search" /><label class="vh" for={`q-${name}`}>{label}, the whole address</label>
    <input id={`q-${name}`} type="search" placeholder={`${label}, the whole address`} value={text} spellcheck={false} autocomplete="off" autocapitalize="none" onInput={(e) => { setText(e.currentTarget.value); if (!e.currentTarget.value) take(''); }}
      onBlur={() => take(text)} onKeyDown={(e) => { if (e.key === 'Enter') { e.preventDefault(); take(text); } }} />{keys ? <kbd aria-hidden="true">/</kbd> : null}</div>;
}

const ages: [string, string][] = [['', 'Of any age'], ['30m', 'Older than 30 min'], ['6h', 'Older than 6 h'], ['1d', 'Older than a day'], ['3d', 'Older than 3 days']];
export function Filters({ filter, destinations, onFilter }: { filter: Record<string, string | undefined>; destinations: Destination[]; onFilter: (part: Record<string, string>) => void }) {
  const places = destinations.map((d) => d.destination ?? ''), chosen = filter.destination ?? '', age = filter.older_than ?? '';
  if (chosen && !places.includes(chosen)) places.unshift(chosen);
  return <><Whole name="sender" label="Sender" value={filter.sender ?? ''} keys /><Whole name="recipient" label="Recipient" value={filter.recipient ?? ''} />
    <label class="vh" for="q-destination">Destination</label><select id="q-destination" class="inline-sel sel-place" value={chosen} onChange={(e) => onFilter({ destination: e.currentTarget.value })}><option value="">All destinations</option>{places.map((p) => <option key={p} value={p}>{p.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '?')}</option>)}</select>
    <label class="vh" for="q-age">Age</label><select id="q-age" class="inline-sel" value={age} onChange={(e) => onFilter({ older_than: e.currentTarget.value })}>{ages.map(([value, name]) => <option key={value} value={value}>{name}</option>)}{age && !ages.some(([value]) => value === age) ? <option value={age}>Older than {age}</option> : null}</select></>;
}
