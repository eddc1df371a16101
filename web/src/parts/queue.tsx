// What the list of waiting mail and the page of one message share: states, what can be done, and the question before mail is dropped.
import { useState } from 'preact/hooks';
import { api, ApiError, type Schemas } from '../lib/api';
import { exact, many } from '../lib/format';
import { Ago, Foreign } from './basic';
import { Dialog } from './dialog';
import { Icon, type IconName } from './icon';

export type Message = Schemas['QueueMessage'];
export type Recipient = NonNullable<Message['recipients']>[number];
export type Action = 'retry' | 'hold' | 'release' | 'drop';
export const done: Record<Action, string> = { retry: 'due now', hold: 'held', release: 'released', drop: 'dropped' };

const states: Record<string, { tone: string; icon: IconName; word: string }> = {
  dead: { tone: 'no', icon: 'cross', word: 'Dead' }, held: { tone: 'none', icon: 'pause', word: 'Held' }, quarantined: { tone: 'wait', icon: 'eye', word: 'Quarantined' },
  queued: { tone: 'wait', icon: 'clock', word: 'Waiting' }, failed: { tone: 'no', icon: 'cross', word: 'Failed' }, delivered: { tone: 'ok', icon: 'check', word: 'Delivered' },
};
const order = Object.keys(states);

/** The recipient that most needs somebody; a message is shown by it. */
export function first(message: Message): Recipient | null {
  const list = [...(message.recipients ?? [])].sort((a, b) => order.indexOf(a.state ?? 'queued') - order.indexOf(b.state ?? 'queued'));
  return list[0] ?? null;
}

export function State({ of, damaged }: { of: Recipient | null; damaged?: boolean }) {
  if (damaged) return <span class="v no"><Icon name="warning" />Damaged</span>;
  const { tone, icon, word } = states[of?.state ?? 'queued'] ?? states.queued!;
  return <span class={`v ${tone}`}><Icon name={icon} />{of?.under_way ? 'Under way' : of?.state === 'queued' && (of.attempts ?? 0) > 0 ? 'Retrying' : word}</span>;
}

/** "webhook:wh_…" as words. */
export function Place({ of }: { of: string | undefined }) {
  const [kind, ...rest] = (of ?? '').split(':'), key = rest.join(':');
  return <>{kind === 'webhook' ? 'webhook ' : kind === 'local' ? 'mailbox ' : 'relay '}<Foreign text={key || of} /></>;
}

/** When it is tried again; what lies behind is about to be. */
export function Next({ of }: { of: Recipient | null }) {
  if (of?.under_way) return <>now</>;
  if (of?.next_attempt_at) return new Date(of.next_attempt_at).getTime() > Date.now() ? <Ago at={of.next_attempt_at} /> : <>due</>;
  return <>{of?.state === 'held' || of?.state === 'quarantined' ? 'when released' : 'none'}</>;
}

/** One message; the server's word when it says no. */
export async function act(id: string, action: Action, notify: boolean): Promise<string> {
  try {
    if (action === 'drop') await api.post('/queue/{id}/drop', { path: { id }, body: { notify } });
    else await api.post(`/queue/{id}/${action}`, { path: { id } });
    return '';
  } catch (trouble) { return trouble instanceof ApiError ? trouble.message : String(trouble); }
}

const asks = 10;  // above it the word is typed
/** Asks before mail is dropped: how many, whose; above ten the word has to be typed. `n` null: nobody has counted them. */
export function DropDialog({ n, senders, busy, onKeep, onDrop }: { n: number | null; senders: string[]; busy: boolean; onKeep: () => void; onDrop: (notify: boolean) => void }) {
  const [notify, setNotify] = useState(false), [word, setWord] = useState(''), [missed, setMissed] = useState(false);
  const typed = n === null || n > asks, what = n === null ? 'all that match' : many(n, 'message'), names = [...new Set(senders)];
  const drop = () => { if (typed && word.trim().toLowerCase() !== 'drop') { setMissed(true); document.getElementById('f-word')?.focus(); return; } if (!busy) onDrop(notify); };
  return <Dialog title={`Drop ${what}?`} onClose={onKeep} footer={<><button type="button" class="btn" data-safe onClick={onKeep}>Keep {n === 1 ? 'it' : 'them'}</button>
    <button type="button" class="btn danger solid" aria-disabled={busy} onClick={drop}>Drop {what}</button></>}>
    <p>The mail is deleted. This cannot be undone.</p>
    {names.length ? <p class="small">{names.length === 1 ? 'Sender' : 'Senders'}: {names.slice(0, 5).map((s, i) => <span key={s}>{i ? ', ' : ''}{s ? <Foreign class="mono" text={s} /> : <span class="mono">{'<>'}</span>}</span>)}{names.length > 5 ? ` and ${exact(names.length - 5)} more` : ''}</p> : null}
    <label class="check-line"><input type="checkbox" class="tick" checked={notify} onChange={(e) => setNotify(e.currentTarget.checked)} />Tell the {names.length === 1 ? 'sender' : 'senders'} that it was not delivered</label>
    {typed ? <div class="field"><label for="f-word">Type <i>drop</i> to go on</label>
      <input id="f-word" value={word} autocomplete="off" autocapitalize="none" spellcheck={false} aria-invalid={missed ? 'true' : undefined} aria-describedby={missed ? 'f-word-e' : undefined} onInput={(e) => { setWord(e.currentTarget.value); setMissed(false); }} onKeyDown={(e) => { if (e.key === 'Enter') { e.preventDefault(); drop(); } }} />
      {missed ? <p class="err" id="f-word-e"><Icon name="warning" /><span>Nothing is dropped without the word.</span></p> : null}</div> : null}
  </Dialog>;
}
