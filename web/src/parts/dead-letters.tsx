// Messages that were given up, as rows with a retry: on the page of their webhook the newest, all on a page of their own.
import { useSignal } from '@preact/signals';
import { api, type ApiError, type Schemas } from '../lib/api';
import { mayWrite } from '../lib/session';
import { Ago, Foreign, Note } from './basic';

type Message = Schemas['QueueMessage'];

export function DeadLetterRows({ id, rows, onRetried }: { id: string; rows: Message[]; onRetried: () => void }) {
  const said = useSignal<{ tone: 'ok' | 'no'; text: string } | null>(null);
  const retry = async (message: string) => {
    try {
      await api.post('/webhooks/{id}/dead-letters/{message_id}/retry', { path: { id, message_id: message } });
      said.value = { tone: 'ok', text: 'It is tried again now. The log shows the result.' };
      onRetried();
    } catch (error) { said.value = { tone: 'no', text: (error as ApiError).message }; }
  };
  return <>{said.value ? <Note tone={said.value.tone} role="status"><p>{said.value.text}</p></Note> : null}
    {rows.length ? <div class="table-wrap"><table class="fold"><caption class="vh">Messages that were given up, newest first</caption>
      <thead><tr><th scope="col">Received</th><th scope="col">From</th><th scope="col">Last answer</th><th scope="col" class="r">Attempts</th><th scope="col"><span class="vh">Action</span></th></tr></thead>
      <tbody>{rows.map((m) => { const to = m.recipients?.[0]; return <tr key={m.id}>
        <td class="nowrap"><Ago at={m.received_at} /></td><td class="wide"><span class="mono">{m.sender ? <Foreign text={m.sender} /> : '<>'}</span></td>
        <td class="wide"><Foreign text={to?.last_reply ?? m.damage ?? 'none'} /></td><td class="r" data-l="Attempts">{to?.attempts ?? 0}</td>
        <td class="r act">{mayWrite.value ? <button type="button" class="btn sm" aria-label={`Retry the message of ${m.sender || 'the null sender'}`} onClick={() => void retry(m.id!)}>Retry</button> : null}</td></tr>; })}</tbody></table></div> : null}</>;
}
