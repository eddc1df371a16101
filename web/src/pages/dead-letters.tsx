// All messages of a webhook that were given up.
import type { PageProps } from '../main';
import { api } from '../lib/api';
import { useLoad } from '../lib/load';
import { query, withQuery } from '../lib/router';
import { Empty, Note, Page, Pager } from '../parts/basic';
import { DeadLetterRows } from '../parts/dead-letters';
import { crumbsOf, nameOf, useWebhook, WithoutWebhook, type Webhook } from '../parts/webhook';

export default function DeadLetters({ ids }: PageProps) {
  const loaded = useWebhook(ids.id!);
  return loaded.data ? <List w={loaded.data} /> : <WithoutWebhook id={ids.id!} error={loaded.error} />;
}

function List({ w }: { w: Webhook }) {
  const before = query.value.get('before') ?? '';
  const list = useLoad(`dead ${w.id} ${before}`, (signal) => api.get('/webhooks/{id}/dead-letters', { path: { id: w.id }, query: { before, page_size: 50 }, signal }));
  const rows = list.data?.data ?? [];
  return <Page title="Dead letters" sub={`Mail of ${nameOf(w)} that was accepted and could not be delivered. It is kept until it is retried or dropped.`} crumbs={crumbsOf(w, { name: 'Dead letters' })}>
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    <section class="card" aria-label="Messages"><DeadLetterRows id={w.id} rows={rows} onRetried={() => void list.reload()} />
      {rows.length ? <Pager next={list.data?.next ? withQuery({ before: list.data.next }) : null} first={before ? withQuery({ before: null }) : null} shown={rows.length} word={rows.length === 1 ? 'message' : 'messages'} /> : null}</section>
    {list.data && !rows.length ? <Empty title="No dead letters"><p>{w.delivery_mode === 'queued' ? 'A message is given up when its attempts are used up.' : 'This webhook delivers while the sender waits: what fails is the sender’s to retry.'}</p></Empty> : null}
    {list.loading && !list.data ? <p class="loading" role="status">Reading…</p> : null}
  </Page>;
}
