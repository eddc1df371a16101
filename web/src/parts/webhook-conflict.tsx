// Someone else saved meanwhile: both values side by side for what differs. Nothing is overwritten before a choice.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Policy } from './webhook-fields';
import type { Webhook } from './webhook';
import { valuesOf, type WebhookValues } from './webhook-values';
import { SavedMeanwhile } from './conflict';

export interface Clash { theirs: Webhook; by: string; before: WebhookValues; mine: WebhookValues }
type Key = keyof WebhookValues;
const labels: [Key, string][] = [['name', 'Name'], ['target', 'Target'], ['target_url', 'Target URL'], ['local', 'Address'], ['domain', 'Domain'], ['smtp_security_policy_id', 'Security policy'], ['delivery_mode', 'Delivery'],
  ['timeout', 'Timeout, seconds'], ['rate', 'At most, messages a minute'], ['attachments', 'Attachments'], ['include_raw', 'The message as it came'], ['headers', 'Request headers'], ['payload_template', 'Payload template'],
  ['inbox_messages', 'Inbox, messages'], ['inbox_mib', 'Inbox, MiB'], ['inbox_days', 'Inbox, days']];

export function Conflict({ clash, policies, shared, onValue, onSettled }: { clash: Clash; policies: Policy[]; shared: string; onValue: <K extends Key>(name: K, value: WebhookValues[K]) => void; onSettled: (theirs: Webhook) => void }) {
  const theirs = valuesOf(clash.theirs, shared);
  const { mine, before } = clash;
  const differing = labels.filter(([k]) => mine[k] !== theirs[k]);
  // What only they changed is theirs unless one says otherwise; what one changed oneself stays.
  const first = Object.fromEntries(differing.map(([k]) => [k, mine[k] === before[k] ? 'theirs' : 'mine'])) as Partial<Record<Key, 'mine' | 'theirs'>>;
  const choice = useSignal(first);
  const take = (k: Key, whose: 'mine' | 'theirs') => { choice.value = { ...choice.peek(), [k]: whose }; onValue(k, whose === 'mine' ? mine[k] : theirs[k]); };
  useEffect(() => {
    for (const [k] of differing) if (first[k] === 'theirs') onValue(k, theirs[k]);
  }, []);
  const words = (k: Key, v: WebhookValues[Key]): string => k === 'smtp_security_policy_id' ? (v ? policies.find((p) => p.id === v)?.name ?? v : 'None') : v || 'empty';
  const side = (k: Key, whose: 'mine' | 'theirs', name: string) => <td class="wide"><label class="side-choice"><input type="radio" name={`clash-${k}`} checked={choice.value[k] === whose} onChange={() => take(k, whose)} />
    <span><span class="small muted">{name}</span><span class="mono">{words(k, whose === 'mine' ? mine[k] : theirs[k])}</span></span></label></td>;
  return <SavedMeanwhile who={clash.by} version={`version ${clash.theirs.version}`} lead={differing.length ? 'See what differs. Nothing is overwritten.' : 'It says the same as yours.'}>
    {differing.length ? <div class="table-wrap"><table class="fold clash"><caption class="vh">What differs</caption><thead><tr><th scope="col">Field</th><th scope="col">Yours</th><th scope="col">Theirs</th></tr></thead>
      <tbody>{differing.map(([k, name]) => <tr key={k}><th scope="row">{name}</th>{side(k, 'mine', 'Keep mine')}{side(k, 'theirs', 'Take theirs')}</tr>)}</tbody></table></div> : null}
    <div class="actions mt">{differing.length ? <><button type="button" class="btn sm" onClick={() => differing.forEach(([k]) => take(k, 'mine'))}>Keep all of mine</button><button type="button" class="btn sm" onClick={() => differing.forEach(([k]) => take(k, 'theirs'))}>Take all of theirs</button></> : null}
      <button type="button" class="btn sm primary" onClick={() => onSettled(clash.theirs)}>Go on with this choice</button></div>
  </SavedMeanwhile>;
}
