// The built-in inbox of a webhook: newest first, and new messages as they arrive.
import type { PageProps } from '../main';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, ApiError, type Schemas } from '../lib/api';
import { ago, exact, many, octets } from '../lib/format';
import { useLoad } from '../lib/load';
import { query, withQuery } from '../lib/router';
import { mayWrite } from '../lib/session';
import { announce } from '../parts/announce';
import { Confirm } from '../parts/dialog';
import { Ago, Copy, Foreign, Note, Page, Pager } from '../parts/basic';
import { TestMailButton, TestMailResult, useTestMail } from '../parts/test-mail';
import { crumbsOf, isInbox, useWebhook, WithoutWebhook, type Webhook } from '../parts/webhook';

type Entry = Schemas['InboxEntry'];
type Box = Schemas['InboxBox'];

export default function Inbox({ ids }: PageProps) {
  const loaded = useWebhook(ids.id!);
  return loaded.data ? <Messages w={loaded.data} /> : <WithoutWebhook id={ids.id!} error={loaded.error} />;
}

const rest = (ms: number, signal: AbortSignal) => new Promise<void>((done) => { const timer = setTimeout(done, ms); signal.addEventListener('abort', () => { clearTimeout(timer); done(); }); });

/** What arrives after `from`, as long as the page is open: each request waits until there is something. */
function useArrivals(id: string, from: number | null, onArrival: (entries: Entry[]) => void): boolean {
  const away = useSignal(false);
  useEffect(() => {
    if (from === null) return;
    const stop = new AbortController();
    void (async () => {
      let after = from;
      while (!stop.signal.aborted) {
        if (document.hidden) { await rest(1000, stop.signal); continue; }
        try {
          const answer = await api.get('/webhooks/{id}/inbox', { path: { id }, query: { after, wait: 25 }, signal: stop.signal });
          away.value = false;
          if (answer.data.length) { after = Math.max(after, ...answer.data.map((m) => m.sequence)); onArrival(answer.data); }
        } catch (trouble) {
          if (stop.signal.aborted) return;
          if (trouble instanceof ApiError && (trouble.status === 401 || trouble.status === 404)) return;
          away.value = true;
          await rest(5000, stop.signal);
        }
      }
    })();
    return () => stop.abort();
  }, [id, from === null]);
  return away.value;
}

/** What it may hold, and whether it takes mail: senders hear of a full inbox, its owner only here. */
function Room({ box, id }: { box: Box; id: string }) {
  return <>{box.full ? <Note tone="no" role="alert"><p>This inbox is full. New mail is refused with 452, and its senders try again. Delete messages, or <a href={`/app/webhooks/${id}/edit`}>let it keep more</a>.</p></Note> : null}
    <p class="small muted">Holds {exact(box.messages)} of {many(box.max_messages, 'message')} and {octets(box.octets)} of {octets(box.max_octets)}, each for {many(box.keep_days, 'day')}.
      {box.aged_out ? ` ${many(box.aged_out, 'message')} aged out so far.` : ''}{box.refused ? ` ${many(box.refused, 'message')} refused for want of room${box.refused_at ? `, the last ${ago(box.refused_at)}` : ''}.` : ''}</p></>;
}

function Messages({ w }: { w: Webhook }) {
  const cursor = query.value.get('cursor') ?? '';
  const list = useLoad(`${w.id}|${cursor}`, (signal) => api.get('/webhooks/{id}/inbox', { path: { id: w.id }, query: { cursor, limit: 50 }, signal }));
  const fresh = useSignal<Entry[]>([]);
  const mail = useTestMail(w.id);
  const away = useArrivals(w.id, list.data && !cursor ? Math.max(0, ...list.data.data.map((m) => m.sequence)) : null, (entries) => {
    const known = new Set(fresh.peek().map((m) => m.id));
    const more = entries.filter((m) => !known.has(m.id));
    fresh.value = [...more, ...fresh.peek()];
    if (more.length) announce(`${many(more.length, 'new message')}`);
  });
  const listed = list.data?.data ?? [];
  const rows = cursor ? listed : [...fresh.value.filter((m) => !listed.some((o) => o.id === m.id)), ...listed].sort((a, b) => b.sequence - a.sequence);
  const asking = useSignal(false), busy = useSignal(false), trouble = useSignal<ApiError | null>(null);
  const clear = async () => {
    busy.value = true;
    try { await api.delete('/webhooks/{id}/inbox', { path: { id: w.id } }); announce('Deleted'); asking.value = false; fresh.value = []; list.reload(); } catch (error) { trouble.value = error as ApiError; }
    busy.value = false;
  };
  const box = list.data?.box;
  return <Page title="Inbox" sub="Messages to this address, kept on this server." crumbs={crumbsOf(w, { name: 'Inbox' })} actions={mayWrite.value ? <>{box?.messages || rows.length ? <button type="button" class="btn danger" onClick={() => { trouble.value = null; asking.value = true; }}>Delete all</button> : null}{isInbox(w) ? <TestMailButton mail={mail} /> : null}</> : null}>
    {box ? <Room box={box} id={w.id} /> : null}
    {asking.value ? <Confirm title="Delete all messages of this inbox?" keep="Keep them" act="Delete all" busy={busy.value} onKeep={() => { asking.value = false; }} onAct={() => void clear()}>
      <p>They are deleted from this server.</p>{trouble.value ? <Note tone="no" role="alert"><p>{trouble.value.message}</p></Note> : null}</Confirm> : null}
    {isInbox(w) ? null : <Note tone="wait"><p>Mail to this address goes to <span class="mono">{w.target_url}</span> now. Nothing new arrives here.</p></Note>}
    <TestMailResult mail={mail} />
    <div class="filters"><div class="inbox-address"><Copy text={w.email_address} label="address" /></div>{cursor || !isInbox(w) ? null : <span class="waiting push" role="status"><span class={`pulse ${away ? '' : 'ok'}`} aria-hidden="true" />{away ? 'No answer from the server. Trying again.' : 'Live'}</span>}</div>
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    {rows.length ? <section class="card" aria-label="Messages"><div class="table-wrap"><table class="fold"><caption class="vh">Messages, newest first</caption>
      <thead><tr><th scope="col">Subject</th><th scope="col">From</th><th scope="col">Received</th><th scope="col" class="r">Payload</th></tr></thead>
      <tbody>{rows.map((m) => <tr key={m.id}><td class="clip wide w-half"><a class="name clip" href={`/app/webhooks/${w.id}/inbox/${m.id}`}>{m.subject ? <Foreign text={m.subject} /> : 'No subject'}</a></td>
        <td class="clip wide w-30"><span class="mono clip">{m.sender ? <Foreign text={m.sender} /> : '<>'}</span></td><td class="nowrap" data-l="Received"><Ago at={m.received_at} /></td><td class="r nowrap" data-l="Payload">{m.size !== undefined ? octets(m.size) : '–'}</td></tr>)}</tbody></table></div>
      <Pager next={list.data?.next ? withQuery({ cursor: list.data.next }) : null} first={cursor ? withQuery({ cursor: null }) : null} shown={rows.length} word={rows.length === 1 ? 'message' : 'messages'} /></section>
      : list.data ? <Note><p>No mail has arrived. Send some to <code>{w.email_address}</code>: it is shown here as it comes.</p></Note> : list.error ? null : <p class="loading" role="status">Reading…</p>}
  </Page>;
}
