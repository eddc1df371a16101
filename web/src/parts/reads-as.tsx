// A policy in plain English: its conditions in the order of evaluation, each with the reply when it does not hold. The words are the server's.
import type { Schemas } from '../lib/api';
import { Icon } from './icon';

const stages: Record<string, string> = { rcpt: 'at RCPT TO', data: 'after the data' };

export function ReadsAs({ entries }: { entries: Schemas['ReadsAs'][] }) {
  const conditions = entries.filter((e) => e.control !== 'none');
  if (!conditions.length) return <p class="v wait wrap"><Icon name="warning" /><span>{entries[0]?.text ?? 'Every message is accepted.'}</span></p>;
  return <div><p class="small muted lead">A message is accepted when</p>
    <ol class="reads">{conditions.map((e) => <li key={e.control}><span>{e.text}</span>
      <span class="else">{e.otherwise ? `else ${e.otherwise} ${stages[e.stage ?? ''] ?? ''}` : 'otherwise only the trace records it: nothing is refused'}</span></li>)}</ol></div>;
}
