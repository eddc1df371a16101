// The built-in inbox of a webhook: newest first, and new messages as they arrive.
import type { PageProps } from '../main';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, ApiError, type Schemas } from '../lib/api';
import { many, octets } from '../lib/format';
import { useLoad } from '../lib/load';
import { query, withQuery } from '../lib/router';
import { mayWrite } from '../lib/session';
import { announce } from '../parts/announce';
import { Ago, Copy, Foreign, Note, Page, Pager } from '../parts/basic';
import { TestMailButton, TestMailResult, useTestMail } from '../parts/test-mail';
import { crumbsOf, isInbox, useWebhook, WithoutWebhook, type Webhook } from '../parts/webhook';

type Entry = Schemas['InboxEntry'];

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
  return <Page title="Inbox" sub="The last 100 messages to this address, kept on this server." crumbs={crumbsOf(w, { name: 'Inbox' })} actions={mayWrite.value && isInbox(w) ? <TestMailButton mail={mail} /> : null}>
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
