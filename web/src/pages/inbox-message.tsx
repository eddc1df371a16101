// One message of the built-in inbox: text as text, HTML as its source, never drawn.
import type { PageProps } from '../main';
import { useSignal } from '@preact/signals';
import { api, type ApiError, type Schemas } from '../lib/api';
import { octets } from '../lib/format';
import { useLoad } from '../lib/load';
import { navigate } from '../lib/router';
import { mayWrite } from '../lib/session';
import { announce } from '../parts/announce';
import { At, Card, CopyButton, Fact, Facts, Foreign, Note, Page } from '../parts/basic';
import { Confirm } from '../parts/dialog';
import { Icon } from '../parts/icon';
import { MailAuth } from '../parts/mail-auth';
import { crumbsOf, useWebhook, WithoutWebhook, type Webhook } from '../parts/webhook';

type Message = Schemas['InboundMessage'];
type Attachment = Schemas['Attachment'];

export default function InboxMessage({ ids }: PageProps) {
  const loaded = useWebhook(ids.id!);
  return loaded.data ? <One w={loaded.data} message={ids.message!} /> : <WithoutWebhook id={ids.id!} error={loaded.error} />;
}

function One({ w, message }: { w: Webhook; message: string }) {
  const list = `/app/webhooks/${w.id}/inbox`;
  const loaded = useLoad(message, (signal) => api.get('/webhooks/{id}/inbox/{message_id}', { path: { id: w.id, message_id: message }, signal }));
  const asking = useSignal(false), busy = useSignal(false), trouble = useSignal<ApiError | null>(null);
  const crumbs = crumbsOf(w, { name: 'Inbox', href: list }, { name: 'Message' });
  const m = loaded.data;
  const trace = useLoad(`trace ${m?.id ?? ''}`, (signal) => m ? traceOf(w, m, signal) : Promise.resolve(null)).data;
  if (!m) return <Page title={loaded.error?.status === 404 ? 'There is no such message here' : 'Message'} crumbs={crumbs}>
    {loaded.error ? <Note tone={loaded.error.status === 404 ? undefined : 'no'} role="alert"><p>{loaded.error.status === 404 ? 'It was deleted, or the inbox has kept it as long as it keeps mail. ' : loaded.error.message + ' '}<a href={list}>All messages</a></p></Note> : <p class="loading" role="status">Reading…</p>}</Page>;
  const remove = async () => {
    busy.value = true;
    try { await api.delete('/webhooks/{id}/inbox/{message_id}', { path: { id: w.id, message_id: message } }); announce('Deleted'); navigate(list); } catch (error) { trouble.value = error as ApiError; busy.value = false; }
  };
  const payload = typeof m.payload === 'object' && m.payload !== null && (m.payload as Message).schema === 'postern.inbound.v1' ? m.payload as Message : null;
  return <Page title={m.subject ? <Foreign text={m.subject} /> : 'No subject'} crumbs={crumbs} actions={<>{trace ? <a class="btn" href={`/app/traces/${trace}`}>See why it was accepted</a> : null}{mayWrite.value ? <button type="button" class="btn danger" onClick={() => { asking.value = true; }}>Delete</button> : null}</>}>
    {payload ? <Parts p={payload} /> : <><Card title="Envelope"><Facts><Fact name="Sender"><span class="mono">{m.sender ? <Foreign text={m.sender} /> : '<>'}</span></Fact><Fact name="Received"><At at={m.received_at} /></Fact></Facts></Card>
      <Note><p>The payload template of this webhook made a custom payload, so only that can be shown.</p></Note></>}
    <Source title="Payload" text={typeof m.payload === 'string' ? m.payload : JSON.stringify(m.payload, null, 2)} label="payload" />
    {asking.value ? <Confirm title="Delete this message?" keep="Keep it" act="Delete message" busy={busy.value} onKeep={() => { asking.value = false; }} onAct={() => void remove()}>
      <p>It is deleted from this server.</p>{trouble.value ? <Note tone="no" role="alert"><p>{trouble.value.message}</p></Note> : null}</Confirm> : null}
  </Page>;
}

/** The trace of the mail: the log's record of its delivery names both. */
async function traceOf(w: Webhook, m: { id: string; sender?: string | null; payload?: unknown }, signal: AbortSignal): Promise<string | null> {
  const named = (m.payload as { message_id?: unknown } | null)?.message_id, q = typeof named === 'string' && named ? named : m.sender ?? '';
  const log = await api.get('/webhooks/{id}/logs', { path: { id: w.id }, query: { q, limit: 200, outcome: 'success' }, signal });
  return log.data.find((r) => r.smtp_text?.includes(m.id))?.trace_id ?? log.data.find((r) => r.message_id === named && named)?.trace_id ?? null;
}

function Parts({ p }: { p: Message }) {
  const people = (list: Message['header_from']) => (list ?? []).map((a) => (a.name ? `${a.name} <${a.address}>` : a.address)).join(', ');
  const client = p.client ? [p.client.ip, p.client.helo ? `HELO ${p.client.helo}` : '', p.client.rdns ?? '', p.client.tls ? p.client.tls.version : 'no TLS', p.client.auth ? `user ${p.client.auth.username}` : ''].filter(Boolean).join(' · ') : 'simulated, no client';
  const rows: [string, string][] = [['Sender', p.envelope ? p.envelope.mail_from || '<>' : p.from || '<>'], ['Recipients', (p.envelope?.rcpt_to ?? []).map((r) => r.address).join(', ') || p.to.join(', ')], ['Client', client],
    ['From', people(p.header_from)], ['To', people(p.header_to)], ['Cc', people(p.cc)], ['Reply to', people(p.reply_to)], ['Message id', p.message_id]];
  return <>
    <div class="cols"><div class="stack">
      <Card title="Envelope"><Facts>{rows.map(([name, value]) => value ? <Fact name={name} key={name}><Foreign text={value} /></Fact> : null)}
        <Fact name="Received"><At at={p.received_at} /></Fact>{p.size !== undefined ? <Fact name="Size">{octets(p.size)}</Fact> : null}{p.policy ? <Fact name="Policy"><a href={`/app/smtp-policies/${p.policy.id}`}>{p.policy.name ?? p.policy.id}</a>, version {p.policy.version}</Fact> : null}</Facts></Card>
      {p.warnings?.length ? <Note tone="wait"><p>{p.warnings.length === 1 ? 'One thing is odd:' : 'Some things are odd:'}</p><ul>{p.warnings.map((text, i) => <li key={i}><Foreign text={text} /></li>)}</ul></Note> : null}
      {p.text !== undefined ? <Card title="Text"><pre class="mail" tabIndex={0} role="region" aria-label="Text of the message"><Foreign text={p.text} /></pre></Card> : null}
      {p.html !== undefined ? <Source title="HTML" sub="The source. It is never drawn here." text={p.html} label="HTML" /> : null}
      {p.text === undefined && p.html === undefined ? <Note><p>The message has no text.</p></Note> : null}
    </div><aside class="stack" aria-label="Verdicts and attachments">
      {p.auth ? <Card title="Who sent it"><MailAuth auth={p.auth} /></Card> : null}
      {p.attachments?.length ? <Card title="Attachments"><ul class="attached">{p.attachments.map((a, i) => <li key={i}><Attached a={a} n={i + 1} /></li>)}</ul></Card> : null}
    </aside></div>
    {p.header_list?.length ? <section class="card"><details class="heads"><summary><h2>Headers <span class="muted small">{p.header_list.length}</span></h2></summary><div class="table-wrap"><table><caption class="vh">Headers in their order</caption><thead class="vh"><tr><th scope="col">Header</th><th scope="col">Value</th></tr></thead>
      <tbody>{p.header_list.map((h, i) => <tr key={i}><th scope="row"><Foreign text={h.name} /></th><td class="mono"><Foreign text={h.value} /></td></tr>)}</tbody></table></div></details></section> : null}
  </>;
}

/** Folded, because it is long; the text as it is goes to the clipboard. */
function Source({ title, sub, text, label }: { title: string; sub?: string; text: string; label: string }) {
  const drawn = text.length > 200_000 ? text.slice(0, 200_000) : text;
  return <section class="card"><details class="heads"><summary><h2>{title} <span class="muted small">{octets(new Blob([text]).size)}</span></h2></summary><div class="body">
    <div class="actions spread">{sub ? <span class="small muted">{sub}</span> : null}<CopyButton text={text} label={label} word="Copy" /></div>
    <pre class="mail" tabIndex={0} role="region" aria-label={title}><Foreign text={drawn} /></pre>{drawn === text ? null : <p class="small muted">Only the first 200,000 characters are shown. Copy takes all.</p>}</div></details></section>;
}

/** A name for the file: without path, control and bidirectional characters, never hidden. */
export function fileName(given: string | null | undefined, n: number): string {
  const last = (given ?? '').split(/[\\/]/).pop()!.replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"<>|:*?]/g, '').trim().replace(/^\.+/, '');
  return last.slice(-120) || `attachment-${n}`;
}

/** Only addresses of the web are links: what else a payload may say is not followed. */
function webUrl(url: string | undefined): string | null {
  try { const parsed = new URL(url ?? ''); return /^https?:$/.test(parsed.protocol) ? parsed.href : null; } catch { return null; }
}

function save(a: Attachment, name: string): void {
  const octetsOf = Uint8Array.from(atob(a.content!), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([octetsOf], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function Attached({ a, n }: { a: Attachment; n: number }) {
  const name = fileName(a.filename, n), url = webUrl(a.url);
  return <><span class="att"><b><Foreign text={a.filename || `attachment-${n}`} /></b><span class="small muted"><Foreign text={a.content_type} />, {octets(a.size)}{a.disposition === 'inline' ? ', inline' : ''}</span></span>
    {a.content !== undefined ? <button type="button" class="btn sm" aria-label={`Download ${name}`} onClick={() => save(a, name)}><Icon name="download" />Download</button>
      : url ? <a class="btn sm" href={url} download={name} rel="noreferrer noopener" aria-label={`Download ${name}`}><Icon name="download" />Download</a> : <span class="small muted">left out</span>}</>;
}
