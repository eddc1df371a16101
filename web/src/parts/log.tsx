// Records of a webhook's log as rows: outcome, sender, why, reply.
import type { Schemas } from '../lib/api';
import { controlLabels } from '../lib/controls';
import { ago, exact, took } from '../lib/format';
import { query, withQuery } from '../lib/router';
import { At, Foreign, Segments, Verdict, type Outcome } from './basic';

export type LogRecord = Schemas['LogRecord'];

const delivered = (r: LogRecord): boolean => r.kind !== 'rejection' && !r.error && r.http_status !== null && r.http_status >= 200 && r.http_status < 300;

/** A record has no outcome of its own: a refusal by its code, a delivery by what the endpoint answered and what the sender was told. */
export function outcomeOfRecord(r: LogRecord): Outcome {
  const code = r.smtp_code ?? 0;
  if (code >= 500) return 'refused';
  if (code >= 400) return 'deferred';
  if (r.kind === 'rejection') return 'refused';
  if (delivered(r)) return 'accepted';
  return r.next_attempt_at ? 'deferred' : 'refused';
}

/** Of a queued webhook the sender heard 250 before the endpoint was asked: what it answered then is no reply of ours. */
const unheard = (r: LogRecord, queued: boolean): boolean => !delivered(r) && (Boolean(r.next_attempt_at) || (queued && r.kind === 'delivery'));

/** "550 5.7.23": the enhanced code stands at the head of the text. */
export function replyOf(r: LogRecord, queued: boolean): string {
  if (!r.smtp_code || unheard(r, queued)) return '–';
  const enhanced = /^[245]\.\d{1,3}\.\d{1,3}(?=\s|$)/.exec(r.smtp_text ?? '')?.[0];
  return enhanced ? `${r.smtp_code} ${enhanced}` : String(r.smtp_code);
}
const textOf = (r: LogRecord): string => (r.smtp_text ?? '').replace(/^[245]\.\d{1,3}\.\d{1,3}\s*/, '');

/** The controls of a policy, as its form calls them; which of their fields decided is in the trace. */
export const controlNames: Record<string, string> = { ...controlLabels, rate_limit: 'Rate limit', inbox_full: 'Inbox full', size: 'Size', syntax: 'Syntax' };

export function Why({ r, queued, policyName }: { r: LogRecord; queued: boolean; policyName: string | null }) {
  const more = (r.count ?? 1) - 1;
  const answered = [r.http_status ? String(r.http_status) : '', r.duration_ms !== null && r.duration_ms !== undefined ? `in ${took(r.duration_ms * 1e6)}` : ''].filter(Boolean).join(' ');
  if (r.kind === 'rejection') {
    const rule = [r.policy_id ? `${policyName ?? 'policy'}${r.policy_version ? ` v${r.policy_version}` : ''}` : '', r.failed_control ? controlNames[r.failed_control] ?? r.failed_control : ''].filter(Boolean).join(' · ');
    return <><Foreign text={textOf(r) || r.error || 'Refused'} />{more > 0 ? `; ${exact(more)} more like it this hour` : ''}{r.next_attempt_at ? `; next attempt ${ago(r.next_attempt_at)}` : ''}{rule ? <span class="sub">{rule}</span> : null}</>;
  }
  if (delivered(r)) return <>Delivered<span class="sub">{answered}</span></>;
  const what = r.http_status ? `Endpoint answered ${r.http_status}` : null;
  const then = r.next_attempt_at ? `next attempt ${ago(r.next_attempt_at)}` : unheard(r, queued) ? 'it is a dead letter' : r.smtp_code && r.smtp_code >= 400 && r.smtp_code < 500 ? 'the sender will retry' : '';
  return <>{what ?? <Foreign text={r.error ?? 'Not delivered'} />}{then ? `; ${then}` : ''}<span class="sub">{[answered, r.attempt && r.attempt > 1 ? `attempt ${r.attempt}` : '', what && r.error && !r.error.startsWith('HTTP status') ? r.error : ''].filter(Boolean).join(' · ')}</span></>;
}

/** Nothing more is tried by itself. */
export const givenUp = (r: LogRecord, queued: boolean): boolean => unheard(r, queued) && !r.next_attempt_at;

export const RecordOutcome = ({ r, queued }: { r: LogRecord; queued: boolean }) => <><Verdict is={givenUp(r, queued) ? 'refused' : outcomeOfRecord(r)}>{givenUp(r, queued) ? 'Given up' : undefined}</Verdict>{r.simulated ? <> <span class="tag sim" title="Simulated: SMTP and policy were skipped">SIM</span></> : null}</>;

/** `href`: where a row's time leads. `queued`: how the webhook delivers. */
export function LogRows({ rows, queued, caption, zone, href, policyOf }: { rows: LogRecord[]; queued: boolean; caption: string; zone: string; href: (r: LogRecord) => string; policyOf: (r: LogRecord) => string | null }) {
  return <div class="table-wrap"><table class="fold"><caption class="vh">{caption}</caption>
    <thead><tr><th scope="col">Time ({zone})</th><th scope="col">Outcome</th><th scope="col">From</th><th scope="col">Why</th><th scope="col" class="r">Reply</th></tr></thead>
    <tbody>{rows.map((r) => <tr key={r.id}>
      <td class="num nowrap"><a class="at" href={href(r)}><At at={r.created_at} /></a></td><td class="nowrap"><RecordOutcome r={r} queued={queued} /></td>
      <td class="wide"><span class="mono">{r.sender === '' ? '<>' : <Foreign text={r.sender} />}</span>{r.client_ip ? <span class="sub">from {r.client_ip}</span> : null}</td>
      <td class="wide"><Why r={r} queued={queued} policyName={policyOf(r)} /></td><td class="reply nowrap r wide">{replyOf(r, queued)}</td></tr>)}</tbody></table></div>;
}

export const outcomes = ['success', 'failure', 'rejected'] as const;
export type LogOutcome = (typeof outcomes)[number];
export const chosenOutcome = (): LogOutcome | undefined => outcomes.find((o) => o === query.value.get('outcome'));
export const OutcomeFilter = () => <Segments label="Outcome" options={[['All', ''], ['Success', 'success'], ['Failure', 'failure'], ['Rejected', 'rejected']].map(([name, value]) =>
  ({ name: name!, href: withQuery({ outcome: value!, cursor: null, record: null }), on: (chosenOutcome() ?? '') === value }))} />;
