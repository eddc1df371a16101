// What a replay found, as the API writes it.
export interface Rule { layer: string; check: string; origin: unknown }
export interface Sample { trace_id: string; time: string; client_ip: string; mail_from: unknown; rcpt_to: unknown; stage: string; recorded: unknown; recorded_rule: Rule | null; draft: unknown; draft_rule: Rule | null }
export interface Change { rules: { rule: Rule | null; count: number }[]; samples: Sample[] }
export type Kind = 'newly_refused' | 'newly_accepted' | 'changed';
export interface Result {
  transactions: number;
  decisions: number;
  /** What DNS was asked during the replay, because no record answers it. */
  dns_questions?: number;
  counts: Record<Kind | 'same' | 'undecidable', number>;
  changes: Record<Kind, Change>;
  undecidable: { missing: unknown; example: unknown; count: number }[];
}

/** Octets that are no UTF-8 come as base64. */
export const text = (value: unknown): string => typeof value === 'string' ? value : value && typeof value === 'object' && 'base64' in value ? `base64 ${String(value.base64)}` : '';

/** What made the difference: the draft's rule, or the one that refuses no more. */
export const ruleOf = (sample: Sample): Rule | null => sample.draft_rule ?? sample.recorded_rule;
export const sameRule = (a: Rule | null, b: Rule | null): boolean => a?.layer === b?.layer && a?.check === b?.check && text(a?.origin) === text(b?.origin);

export interface Row { sample: Sample; n: number }
/** Samples of the same sender, client and answer as one row. */
export function rowsOf(samples: Sample[]): Row[] {
  const rows = new Map<string, Row>();
  for (const sample of samples) {
    const key = [text(sample.mail_from), sample.client_ip, text(sample.recorded).slice(0, 9), text(sample.draft).slice(0, 9)].join('\n');
    const row = rows.get(key);
    if (row) row.n += 1; else rows.set(key, { sample, n: 1 });
  }
  return [...rows.values()].sort((a, b) => b.n - a.n);
}

/** The sender whom the draft newly refuses most often, where more than one message of it is. */
export function hardestHit(change: Change): { sender: string; n: number } | null {
  const senders = new Map<string, number>();
  for (const s of change.samples) senders.set(text(s.mail_from), (senders.get(text(s.mail_from)) ?? 0) + 1);
  const [sender, n] = [...senders].sort((a, b) => b[1] - a[1])[0] ?? ['', 0];
  return n > 1 ? { sender, n } : null;
}
export const sendersOf = (change: Change): number => new Set(change.samples.map((s) => text(s.mail_from))).size;
