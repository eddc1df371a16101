// The rarer actions of a webhook: a popover, and the questions that they ask.
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { api, ApiError } from '../lib/api';
import { count } from '../lib/format';
import { navigate } from '../lib/router';
import { announce } from './announce';
import { Note } from './basic';
import { Confirm, Dialog } from './dialog';
import { SelectField } from './form';
import { Icon } from './icon';
import { showSecret } from './secret';
import { isInbox, nameOf, type Webhook } from './webhook';

export type Question = 'deactivate' | 'rotate' | 'delete';

export function WebhookMenu({ active, onActivate, onAsk }: { active: boolean; onActivate: () => void; onAsk: (what: Question) => void }) {
  const button = useRef<HTMLButtonElement>(null), menu = useRef<HTMLDivElement>(null);
  // A popover lies in the top layer: it is put below its button when it opens.
  const place = (event: { newState?: string }) => {
    if (event.newState !== 'open' || !button.current || !menu.current) return;
    const at = button.current.getBoundingClientRect();
    menu.current.style.top = `${at.bottom + 4}px`;
    menu.current.style.left = `${Math.max(8, at.right - menu.current.offsetWidth)}px`;
    menu.current.querySelector('button')?.focus();
  };
  const act = (work: () => void) => () => { menu.current?.hidePopover(); work(); };
  return <>
    <button ref={button} type="button" class="btn icon" popovertarget="webhook-menu" aria-label="More actions" title="More actions"><Icon name="more" /></button>
    <div ref={menu} id="webhook-menu" class="popmenu" popover="auto" role="group" aria-label="More actions" onToggle={(e) => place(e as unknown as { newState?: string })}>
      {active ? <button type="button" onClick={act(() => onAsk('deactivate'))}>Deactivate</button> : <button type="button" onClick={act(onActivate)}>Activate</button>}
      <button type="button" onClick={act(() => onAsk('rotate'))}>Rotate secret</button>
      <button type="button" class="danger" onClick={act(() => onAsk('delete'))}>Delete</button>
    </div></>;
}

const overlaps = [{ value: '0', name: 'It stops at once' }, { value: '3600', name: 'For one hour' }, { value: '86400', name: 'For one day' }, { value: '604800', name: 'For seven days' }];

export function Asking({ what, w, onDone, onChange }: { what: Question; w: Webhook; onDone: () => void; onChange: (part: Partial<Webhook>) => void }) {
  const busy = useSignal(false), trouble = useSignal<ApiError | null>(null), overlap = useSignal('86400');
  const doing = (work: () => Promise<void>) => async () => {
    if (busy.peek()) return;
    busy.value = true;
    trouble.value = null;
    try { await work(); onDone(); } catch (error) { trouble.value = error as ApiError; busy.value = false; }
  };
  const problem = trouble.value ? <Note tone="no" role="alert"><p>{trouble.value.message}</p></Note> : null;
  if (what === 'deactivate') return <Confirm title={`Deactivate ${nameOf(w)}?`} keep="Keep it" act="Deactivate webhook" busy={busy.value} onKeep={onDone}
    onAct={doing(async () => { onChange(await api.post('/webhooks/{id}/deactivate', { path: { id: w.id } })); announce('Inactive'); })}>
    <p>Mail to <code>{w.email_address}</code> is then refused with 550 5.2.1, until it is activated again.</p>{problem}</Confirm>;
  if (what === 'rotate') return <Dialog title="Rotate the secret?" onClose={onDone} footer={<><button type="button" class="btn" data-safe onClick={onDone}>Keep it</button>
    <button type="button" class="btn primary" aria-disabled={busy.value} onClick={doing(async () => {
      const answer = await api.post('/webhooks/{id}/rotate-secret', { path: { id: w.id }, body: { overlap_seconds: Number(overlap.value) } });
      showSecret(w.id, answer.secret, true);
      onChange({ previous_secret_expires_at: answer.previous_expires_at });
    })}>Make a new secret</button></>}>
    <p>Requests are signed with the new secret at once. While the old one is valid, they carry both signatures.</p>
    <SelectField label="The old secret still signs" name="overlap" value={overlap.value} onValue={(v) => { overlap.value = v; }} options={overlaps} />{problem}</Dialog>;
  return <Confirm title={`Delete ${nameOf(w)}?`} keep="Keep it" act="Delete webhook" busy={busy.value} onKeep={onDone}
    onAct={doing(async () => { await api.delete('/webhooks/{id}', { path: { id: w.id } }); announce('Deleted'); navigate('/app/webhooks'); })}>
    <p>Mail to <code>{w.email_address}</code> is then refused with 550 5.1.1. {w.counts_24h?.accepted ? `In the last 24 hours ${count(w.counts_24h.accepted)} were accepted. ` : ''}Its secret, its log{isInbox(w) ? ' and the messages in its inbox' : ''} go with it.</p>{problem}</Confirm>;
}
