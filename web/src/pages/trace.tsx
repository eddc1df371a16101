// One decision: the answer first, then where it was made, then the evidence.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { PageProps } from '../main';
import { api, ApiError, type Schemas } from '../lib/api';
import { clock, day, took, zone } from '../lib/format';
import { useLoad } from '../lib/load';
import { labels } from '../lib/labels';
import { mayWrite, me } from '../lib/session';
import { announce } from '../parts/announce';
import { Copy, Card, Fact, Facts, Foreign, Note, outcomeOf, Page, Verdict } from '../parts/basic';
import { Icon } from '../parts/icon';
import { Evidence } from './trace-evidence';
import { Stages, Rail } from './trace-stages';
import { layerName, shadowRefusals } from './trace-words';

export type Story = Schemas['TraceStory'];
const outcomeWords = { accepted: 'Accepted', rejected: 'Refused', deferred: 'Deferred', aborted: 'Aborted' };

export default function TracePage({ ids }: PageProps) {
  const id = ids.id!;
  const load = useLoad(id, (signal) => api.get('/traces/{id}', { path: { id }, query: { view: 'story' }, signal }) as Promise<Story>);
  const around = neighbours(id), again = useAgain(id), story = load.data;
  const crumbs = [{ name: 'Traces', href: '/app/traces' + around.from }, { name: id }];
  if (!story?.stages) return <Page title="Trace" crumbs={crumbs}>{load.error
    ? <Note tone="no" role="alert"><p>{load.error.status === 404 ? 'There is no such trace here. Traces are kept for a while and then removed.' : load.error.message}</p></Note>
    : story ? <Note tone="no" role="alert"><p>This server cannot display this trace. <code>postern explain {id}</code> does.</p></Note> : <p class="loading" role="status">Reading…</p>}</Page>;
  const to = story.recipients?.flatMap((r) => r.address ?? []) ?? [];
  return <Page title={<Title story={story} />} crumbs={crumbs}
    sub={<>{story.mail_from ? <Foreign text={story.mail_from} /> : 'The null sender'}{to.length ? <> to <Foreign text={to[0]} />{to.length > 1 ? ` and ${to.length - 1} more` : ''}</> : null}, <time dateTime={story.time}>{day(story.time)} at {clock(story.time)} {zone()}</time></>}
    actions={<Actions id={id} around={around} again={again} />}>
    <Answer story={story} />
    <AgainResult again={again} />
    <div class="cols"><div class="stack"><Rail story={story} /><Stages story={story} /><Evidence story={story} /></div>
      <aside class="stack sticky" aria-label="About this message"><About story={story} /><Offline story={story} /><Like story={story} /></aside></div>
  </Page>;
}

function Title({ story }: { story: Story }) {
  const text = story.decided_by?.text;
  return <>{outcomeWords[story.outcome]}{text && story.outcome !== 'accepted' ? <>: <Foreign text={text.length > 120 ? text.slice(0, 120) + '…' : text} /></> : null}</>;
}

/** The result that this trace was opened from. */
function neighbours(id: string): { previous: string | null; next: string | null; from: string } {
  try {
    const kept = JSON.parse(sessionStorage.getItem('traces') ?? '{}') as { ids?: string[]; from?: string };
    const at = kept.ids?.indexOf(id) ?? -1;
    if (at >= 0) return { previous: kept.ids![at - 1] ?? null, next: kept.ids![at + 1] ?? null, from: typeof kept.from === 'string' && kept.from.startsWith('?') ? kept.from : '' };
  } catch { /* somebody else's words, or no storage */ }
  return { previous: null, next: null, from: '' };
}

function Actions({ id, around, again }: { id: string; around: ReturnType<typeof neighbours>; again: ReturnType<typeof useAgain> }) {
  const step = (to: string | null, key: 'previous' | 'next', word: string) => to ? <a class="btn icon" data-key={key} aria-label={word} title={word} href={`/app/traces/${to}`}><Icon name={key === 'next' ? 'right' : 'left'} /></a> : null;
  return <>{step(around.previous, 'previous', 'Previous trace')}{step(around.next, 'next', 'Next trace')}
    {mayWrite.value ? <button type="button" class="btn" aria-disabled={again.state.value.busy} onClick={() => void again.run()}><Icon name="again" />Run again with today’s DNS</button> : null}
    {me.value?.operates_gateway && mayWrite.value ? <a class="btn" href="/app/replay">Replay a draft</a> : null}
    <button type="button" class="btn icon" aria-label="Download this trace as JSON" title="Download as JSON" onClick={() => void download(id)}><Icon name="download" /></button></>;
}

async function download(id: string): Promise<void> {
  try {
    const record = await api.get('/traces/{id}', { path: { id } });
    const url = URL.createObjectURL(new Blob([JSON.stringify(record, null, 2) + '\n'], { type: 'application/json' }));
    const link = Object.assign(document.createElement('a'), { href: url, download: `trace-${id}.json` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    announce('The trace is saved as a file.');
  } catch (trouble) { announce(trouble instanceof ApiError ? trouble.message : 'The trace could not be saved.'); }
}

type Again = { same: boolean; changes: string[]; cannot_tell?: string[]; script_log?: string[]; then: Schemas['TraceSummary']; now: Schemas['TraceSummary'] };
function useAgain(id: string) {
  const state = useSignal<{ busy: boolean; result: Again | null; error: ApiError | null; turn: number }>({ busy: false, result: null, error: null, turn: 0 });
  const run = async () => {
    if (state.peek().busy) return;
    state.value = { ...state.peek(), busy: true, result: null, error: null };
    const done = (part: { result?: Again; error?: ApiError }) => { state.value = { busy: false, result: null, error: null, ...part, turn: state.peek().turn + 1 }; };
    try { done({ result: await api.post('/traces/{id}/run-again', { path: { id } }) }); } catch (trouble) { done({ error: trouble instanceof ApiError ? trouble : new ApiError(0, 'page', String(trouble)) }); }
  };
  return { state, run };
}

const Told = ({ of, word }: { of: Schemas['TraceSummary']; word: string }) => <p><span class="muted">{word}:</span> {of.outcome === 'aborted' ? 'aborted' : <Verdict is={outcomeOf(of.outcome)} />} <span class="reply"><Foreign text={[of.code, of.enhanced, of.reply && !of.reply.startsWith(String(of.code)) ? of.reply : ''].filter(Boolean).join(' ')} /></span></p>;

function AgainResult({ again }: { again: ReturnType<typeof useAgain> }) {
  const { busy, result, error, turn } = again.state.value, box = useRef<HTMLDivElement>(null);
  useEffect(() => { if (turn) box.current?.querySelector<HTMLElement>('.note')?.focus(); }, [turn]);
  if (busy) return <p class="small muted" role="status">Asking today’s DNS…</p>;
  if (!result && !error) return null;
  const unknown = result?.cannot_tell ?? [], written = result?.script_log ?? [];
  return <div ref={box}>{error ? <Note tone="no" tabIndex={-1} role="alert"><p>{error.status === 429 && error.retryAfter ? `Too many runs. Next in ${error.retryAfter} s.` : error.message}</p></Note>
    : <Note tone={result!.same ? 'ok' : 'wait'} tabIndex={-1}><p><strong>{result!.same ? 'The same answer today.' : 'Today the answer is different.'}</strong></p>
      {result!.same ? null : <><Told of={result!.then} word="Then" /><Told of={result!.now} word="Now" /></>}
      {result!.changes.length ? <ul>{result!.changes.map((c) => <li key={c}><Foreign text={c} /></li>)}</ul> : null}
      {unknown.length ? <><p class="mt">What could not be asked again:</p><ul>{unknown.map((c) => <li key={c}><Foreign text={c} /></li>)}</ul></> : null}
      {written.length ? <><p class="mt">Scripts wrote:</p><ul>{written.map((c) => <li key={c}><Foreign text={c} /></li>)}</ul></> : null}</Note>}</div>;
}

/** Who gave the answer, as a sentence. */
function Decider({ by }: { by: NonNullable<Story['decided_by']> }) {
  if (by.layer === 'delivery') return <>No rule objected; it could not be delivered.</>;
  if (by.raised_by) return <>Deferred by the {layerName(by.layer)}, rule <code>{by.raised_by.rule}</code>{by.raised_by.origin ? <> at <code>{by.raised_by.origin}</code></> : null}, which had the reason; <code>{by.rule}</code> gave the answer.</>;
  if (!by.policy_id) return <>Decided by the {layerName(by.layer)}, rule <code>{by.rule}</code>{by.origin ? <> at <code>{by.origin}</code></> : null}.</>;
  return <>Decided by <a class="inline-link" href={`/app/smtp-policies/${by.policy_id}`}>{by.policy_name ?? by.policy_id}</a>{by.policy_version ? ` version ${by.policy_version}` : ''}, {by.field ? <>field <span title={by.field}>{labels[by.field] ?? by.field}</span></> : <>rule <code>{by.rule}</code></>}.</>;
}

/** What would have changed the answer, as one sentence. */
function otherwise(given: string[]): string {
  if (given.length === 0) return '';
  if (given[0]!.startsWith('It ')) return given.join(' ');
  return `It would pass if ${given.join(', or if ')}.`;
}

const tones = { accepted: 'ok', rejected: 'no', deferred: 'wait', aborted: 'none' } as const;
function Answer({ story }: { story: Story }) {
  const { reply, decided_by: by } = story, tone = tones[story.outcome], shadows = shadowRefusals(story.stages);
  return <><section class={`verdict ${tone}`} aria-labelledby="told"><h2 id="told"><Icon name={tone === 'ok' ? 'check' : tone === 'no' ? 'cross' : tone === 'wait' ? 'clock' : 'minus'} />What the sender was told</h2>
    <p class="line">{reply ? <Foreign text={`${reply.code} ${reply.enhanced} ${reply.text}`} /> : 'Nothing: the client left before it was answered.'}</p>
    <p class="small">{by ? <Decider by={by} /> : story.outcome === 'accepted' ? shadows.length ? 'No enforced rule objected.' : 'No rule objected.' : null}{' '}<Foreign text={otherwise(story.would_pass_if ?? [])} /></p>
  </section>
    {shadows.length ? <section class="verdict shadow" aria-labelledby="shadowed"><h2 id="shadowed"><Icon name="eye" />What shadow mode would have done</h2>
      {shadows.slice(0, 5).map((one, i) => <p class="small" key={i}><strong>{one.name ? <Foreign text={one.name} /> : `The ${layerName(one.layer)}`} {one.verdict} it</strong> at <a class="inline-link" href={`#stage-${one.stage}`}>{one.stage}</a>: <Foreign class="mono" text={one.reply} />{one.saw ? <> (<Foreign text={one.saw} />)</> : null}</p>)}
      {shadows.length > 5 ? <p class="small">and {shadows.length - 5} more below</p> : null}</section> : null}</>;
}

/** The members of an object that the contract leaves open; what is not a text or a number is left out. */
export const text = (of: unknown, ...names: string[]): string => {
  let at = of;
  for (const name of names) at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined;
  return typeof at === 'string' ? at : typeof at === 'number' ? String(at) : '';
};

function About({ story }: { story: Story }) {
  const { client, message } = story, tls = text(client, 'tls') || [text(client, 'tls', 'version'), text(client, 'tls', 'cipher')].filter(Boolean).join(', ');
  const user = text(client, 'auth', 'username') || text(client, 'auth'), hooks = story.recipients?.filter((r) => r.webhook_id) ?? [], shown = story.recipients?.filter((r) => !r.hidden) ?? [], hidden = (story.recipients?.length ?? 0) - shown.length, size = Number(text(message, 'size'));
  const mono = (name: string, value: string) => value ? <Fact name={name}><Foreign class="mono" text={value} /></Fact> : null;
  return <Card title="Message"><Facts>
    {mono('Client', text(client, 'ip'))}{mono('HELO', text(client, 'helo'))}
    <Fact name="TLS">{tls || 'none'}</Fact>{mono('User', user)}
    {hooks.length ? <Fact name={hooks.length === 1 ? 'Webhook' : 'Webhooks'}>{hooks.slice(0, 20).map((r, i) => <span key={r.address}>{i ? ', ' : ''}<a href={`/app/webhooks/${r.webhook_id}`}>{r.webhook_name || r.address}</a></span>)}</Fact> : null}
    {mono('From', story.mail_from || '<>')}
    {shown.slice(0, 20).map((r) => <Fact key={r.address} name="To"><Foreign class="mono" text={r.address} />{r.accepted ? '' : ' (refused)'}</Fact>)}
    {shown.length > 20 ? <Fact name="">and {shown.length - 20} more</Fact> : null}
    {hidden ? <Fact name="">{hidden === 1 ? '1 recipient' : `${hidden} recipients`} of other accounts</Fact> : null}
    {mono('Message-ID', text(message, 'message_id'))}{mono('Subject', text(message, 'subject'))}
    {size ? <Fact name="Size">{size.toLocaleString('en-US')} octets</Fact> : null}
    {story.took_ns !== undefined ? <Fact name="Decided in">{took(story.took_ns)}{story.dns_ns ? `, ${took(story.dns_ns)} of them DNS` : ''}</Fact> : null}
  </Facts></Card>;
}

function Offline({ story }: { story: Story }) {
  const command = `postern explain ${story.id}`, again = story.again as { agrees?: boolean; differences?: string[]; error?: string } | null | undefined;
  return <Card title="Same answer, offline"><div class="stack gap-s"><Copy text={command} label="command" />
    {again ? again.agrees ? <p class="small"><Verdict is="accepted">Made again from the record: the same</Verdict></p>
      : <div class="small"><Verdict is="refused">Made again, it differs</Verdict>{again.error ? <p>{again.error}</p> : null}<ul class="like">{(again.differences ?? []).map((d) => <li key={d}><Foreign text={d} /></li>)}</ul></div> : null}
    <p class="small muted">The trace keeps every DNS answer it used. Anyone with it gets the same verdict.</p></div></Card>;
}

const search = (words: Record<string, string>) => '/app/traces?' + new URLSearchParams(words);
function Like({ story }: { story: Story }) {
  const ip = text(story.client, 'ip'), by = story.decided_by, plain = (word: string) => word !== '' && word.length < 300 && !/["\u0000-\u001f]/.test(word);
  const links: [string, string, string][] = [['Same sender', 'from', story.mail_from || '<>'], ['Same client', 'ip', ip], ['Same rule', 'rule', by?.raised_by?.rule ?? by?.rule ?? ''], ['Same reply', 'reply', story.reply ? `${story.reply.code} ${story.reply.enhanced}`.trim() : '']];
  return <Card title="Like this one"><ul class="like small">{links.filter(([, , value]) => plain(value)).map(([name, word, value]) => <li key={word}><a href={search({ q: `${word}:${/\s/.test(value) ? `"${value}"` : value}` })}>{name}</a></li>)}</ul></Card>;
}
