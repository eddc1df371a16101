// One message of the queue: its envelope, how it goes with each recipient, its text as source.
import { useSignal } from '@preact/signals';
import type { PageProps } from '../main';
import { api, ApiError } from '../lib/api';
import { many, octets } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { navigate, query, setQuery } from '../lib/router';
import { mayWrite } from '../lib/session';
import { announce } from '../parts/announce';
import { Ago, At, Card, Fact, Facts, Foreign, Note, Page } from '../parts/basic';
import { Icon } from '../parts/icon';
import { act, done, DropDialog, Next, Place, State, type Action, type Message } from '../parts/queue';

export default function QueueMessage({ ids }: PageProps) {
  const id = ids.id!, load = useLoad(id, (signal) => api.get('/queue/{id}', { path: { id }, signal }));
  const trouble = useSignal(''), busy = useSignal(false), asking = useSignal(false), message = load.data;
  useEvery(10_000, () => { if (message && !busy.peek()) void load.reload(); });
  const run = async (action: Action, notify = false) => {
    if (busy.peek()) return;
    busy.value = true;
    trouble.value = await act(id, action, notify);
    busy.value = false;
    asking.value = false;
    if (trouble.peek()) return;
    announce(`The message is ${done[action]}.`);
    if (action === 'drop') navigate('/app/queue'); else await load.reload();
  };
  const crumbs = [{ name: 'Queue', href: '/app/queue' }, { name: id }];
  if (!message) return <Page title="Message" crumbs={crumbs}>{load.error ? <Note tone="no" role="alert"><p>{load.error.status === 404 ? 'There is no such message in the queue. It was delivered or dropped in the meantime.' : load.error.message}</p></Note> : <p class="loading" role="status">Reading…</p>}</Page>;
  return <Page title={<>Message of {message.sender ? <Foreign text={message.sender} /> : 'the null sender'}</>} crumbs={crumbs} sub={<>received <Ago at={message.received_at} />, {octets(message.size ?? 0)}</>}
    actions={mayWrite.value ? <Actions message={message} busy={busy.value} run={(a) => void run(a)} onDrop={() => { asking.value = true; }} /> : null}>
    {trouble.value ? <Note tone="no" role="alert"><p>{trouble.value}</p></Note> : null}
    {message.damage ? <Note tone="no"><p><strong>The message is damaged:</strong> <Foreign text={message.damage} />. It can only be dropped.</p></Note> : null}
    <div class="cols"><div class="stack"><Recipients message={message} /><Source id={id} size={message.size ?? 0} /></div>
      <aside class="stack sticky" aria-label="About this message"><Envelope message={message} /></aside></div>
    {asking.value ? <DropDialog n={1} senders={[message.sender ?? '']} busy={busy.value} onKeep={() => { asking.value = false; }} onDrop={(notify) => void run('drop', notify)} /> : null}
  </Page>;
}

function Actions({ message, busy, run, onDrop }: { message: Message; busy: boolean; run: (action: Action) => void; onDrop: () => void }) {
  const has = (...states: string[]) => !message.damage && (message.recipients ?? []).some((r) => states.includes(r.state ?? ''));
  return <>{has('queued', 'dead') ? <button type="button" class="btn" aria-disabled={busy} onClick={() => run('retry')}><Icon name="again" />Retry now</button> : null}
    {has('queued', 'dead') ? <button type="button" class="btn" aria-disabled={busy} onClick={() => run('hold')}><Icon name="pause" />Hold</button> : null}
    {has('held', 'quarantined') ? <button type="button" class="btn" aria-disabled={busy} onClick={() => run('release')}><Icon name="right" />Release</button> : null}
    <button type="button" class="btn danger" aria-disabled={busy} onClick={onDrop}><Icon name="bin" />Drop…</button></>;
}

function Recipients({ message }: { message: Message }) {
  const list = message.recipients ?? [], most = 200;
  return <Card title={many(message.recipient_count ?? list.length, 'recipient')} plain><div class="table-wrap"><table class="fold"><caption class="vh">Recipients and their states</caption>
    <thead><tr><th scope="col">State</th><th scope="col">Recipient</th><th scope="col">Last answer</th><th scope="col">Next attempt</th></tr></thead>
    <tbody>{list.slice(0, most).map((r, i) => <tr key={i}><td class="nowrap"><State of={r} /></td>
      <td class="wide w-30"><Foreign class="mono" text={r.address} /><span class="sub any"><Place of={r.destination} /></span>{r.orcpt ? <span class="sub any">first for <Foreign text={r.orcpt} /></span> : null}</td>
      <td class="wide any">{r.last_reply ? <Foreign text={r.last_reply} /> : <span class="muted">none yet</span>}{r.quarantine ? <span class="sub any">kept back: <Foreign text={r.quarantine} /></span> : null}<span class="sub">{r.attempts ? many(r.attempts, 'attempt') : 'not tried'}</span></td>
      <td class="nowrap" data-l="Next"><Next of={r} /></td></tr>)}</tbody></table></div>
    {list.length > most ? <p class="searched">and {list.length - most} more: <code>postern queue show {message.id}</code></p> : null}</Card>;
}

function Envelope({ message: m }: { message: Message }) {
  const flags = [m.eight_bit ? '8-bit' : '', m.smtputf8 ? 'SMTPUTF8' : '', m.require_tls ? 'REQUIRETLS' : '', m.ret ? `RET=${m.ret}` : ''].filter(Boolean).join(', ');
  return <Card title="Envelope"><Facts>
    <Fact name="Sender">{m.sender ? <Foreign class="mono" text={m.sender} /> : <span class="mono">{'<>'}</span>}</Fact>
    <Fact name="Received">{m.received_at ? <At at={m.received_at} /> : null}</Fact><Fact name="Size">{octets(m.size ?? 0)}</Fact>
    {m.authn_id ? <Fact name="User"><Foreign class="mono" text={m.authn_id} /></Fact> : null}{m.account ? <Fact name="Account"><code>{m.account}</code></Fact> : null}
    {flags ? <Fact name="Asked for">{flags}</Fact> : null}{m.envid ? <Fact name="ENVID"><Foreign class="mono" text={m.envid} /></Fact> : null}
    <Fact name="Id"><code class="any">{m.id}</code></Fact>{m.trace_id ? <Fact name="Why accepted"><a href={`/app/traces/${m.trace_id}`}>Its trace</a></Fact> : null}
  </Facts></Card>;
}

const shown = 128 * 1024;
/** The begin of what is stored; the rest is not even read. Read as UTF-8; what is not shows as U+FFFD. */
async function beginning(id: string, signal: AbortSignal): Promise<{ text: string; cut: boolean }> {
  const answer = await fetch(`/api/v1/queue/${encodeURIComponent(id)}/message`, { signal, credentials: 'same-origin' }).catch(() => null);
  if (!answer) throw new ApiError(0, 'no_answer', 'No answer from the server.');
  if (!answer.ok || !answer.body) throw new ApiError(answer.status, '', answer.status === 409 ? 'The text is damaged or gone.' : `The server answered ${answer.status}.`);
  const reader = answer.body.getReader(), decoder = new TextDecoder();
  let text = '', n = 0;
  for (;;) {
    const { done: end, value } = await reader.read();
    if (end) return { text: text + decoder.decode(), cut: false };
    text += decoder.decode(value.subarray(0, Math.max(0, shown - n)), { stream: true });
    n += value.length;
    if (n > shown) { void reader.cancel(); return { text, cut: true }; }
  }
}

function Source({ id, size }: { id: string; size: number }) {
  const wanted = query.value.get('show') === 'message';
  if (!wanted) return <Card title="As it is stored"><p class="small muted">The message, {octets(size)}. Nothing in it is run or loaded.</p><p class="mt"><button type="button" class="btn" onClick={() => setQuery({ show: 'message' }, 'replace')}>Show the source</button></p></Card>;
  return <Text id={id} size={size} />;
}

/** For a webhook the queue keeps what is posted, not the mail. */
function pretty(text: string): string {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function Text({ id, size }: { id: string; size: number }) {
  const load = useLoad(id, (signal) => beginning(id, signal));
  if (!load.data) return <Card title="As it is stored">{load.error ? <Note tone="no" role="alert"><p>{load.error.message}</p></Note> : <p role="status">Reading…</p>}</Card>;
  const lines = load.data.text.replaceAll('\r\n', '\n'), at = lines.indexOf('\n\n'), payload = lines.startsWith('{') ? pretty(lines) : '';
  const part = (name: string, text: string) => <><h3>{name}</h3><pre class="term source" tabIndex={0} role="region" aria-label={name}><Foreign text={text} /></pre></>;
  return <Card title="As it is stored"><div class="stack gap-s">{payload ? part('What the webhook gets', payload) : <>{part('Headers', at < 0 ? lines : lines.slice(0, at))}{at >= 0 ? part('Text', lines.slice(at + 2)) : null}</>}
    {load.data.cut ? <p class="small muted">The first {octets(shown)} of {octets(size)}. All of it: <code>postern queue show {id} --message</code></p> : null}</div></Card>;
}
