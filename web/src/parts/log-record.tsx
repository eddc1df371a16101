// One record of the log: the chain of verdicts, every field, and what can be done with it.
import { useSignal } from '@preact/signals';
import { api, type ApiError, type Schemas } from '../lib/api';
import { controls } from '../lib/controls';
import { ago, clock, day, octets, took, zone } from '../lib/format';
import { mayWrite } from '../lib/session';
import { Fact, Facts, Foreign, Note, outcomeOf, Verdict, type Outcome } from './basic';
import { Dialog } from './dialog';
import { controlNames, givenUp, outcomeOfRecord, RecordOutcome, replyOf, Why, type LogRecord } from './log';
import { resultTone } from './mail-auth';
import type { Webhook } from './webhook';

type DryRun = Schemas['DryRunResult'];

/** In the order of evaluation; what failed is named, what was not reached is not invented. */
function chain(r: LogRecord): { name: string; is: Outcome; word: string }[] {
  const steps: { name: string; is: Outcome; word: string }[] = [];
  const failed = r.failed_control && !['spf', 'dkim', 'dmarc'].includes(r.failed_control) ? r.failed_control : null;
  const late = controls.some((c) => c.name === failed && c.stage === 'data');
  const unsatisfied = () => { if (failed) steps.push({ name: controlNames[failed] ?? failed, is: outcomeOfRecord(r), word: 'not satisfied' }); };
  if (!late) unsatisfied();
  if (r.spf_result) steps.push({ name: 'SPF', is: r.failed_control === 'spf' ? outcomeOfRecord(r) : resultTone(r.spf_result), word: r.spf_result });
  for (const one of r.dkim_results ?? []) steps.push({ name: 'DKIM', is: resultTone(one.split(' ')[0]!), word: one });
  if (r.failed_control === 'dkim' && !r.dkim_results?.length) steps.push({ name: 'DKIM', is: outcomeOfRecord(r), word: 'no signature' });
  if (r.dmarc_result || r.failed_control === 'dmarc') steps.push({ name: 'DMARC', is: r.failed_control === 'dmarc' ? outcomeOfRecord(r) : resultTone(r.dmarc_result!), word: r.dmarc_result ?? 'not satisfied' });
  if (late) unsatisfied();
  if (r.kind !== 'rejection') steps.push({ name: 'Endpoint', is: outcomeOfRecord(r), word: r.http_status ? `answered ${r.http_status}` : r.error ?? 'no answer' });
  return steps;
}

export function LogRecordDialog({ r, w, policyName, onClose, onRetried }: { r: LogRecord; w: Webhook; policyName: string | null; onClose: () => void; onRetried: (text: string) => void }) {
  const trouble = useSignal<ApiError | null>(null), dry = useSignal<DryRun | null>(null), busy = useSignal(false);
  const doing = async (work: () => Promise<void>) => {
    if (busy.peek()) return;
    busy.value = true;
    trouble.value = null;
    try { await work(); } catch (error) { trouble.value = error as ApiError; } finally { busy.value = false; }
  };
  const policy = w.smtp_security_policy_id ?? r.policy_id ?? null;
  const canRun = policy !== null && Boolean(r.client_ip) && mayWrite.value;
  const queued = w.delivery_mode === 'queued';
  const canRetry = mayWrite.value && givenUp(r, queued);
  const run = () => doing(async () => { dry.value = await api.post('/smtp-policies/{id}/dry-run', { path: { id: policy! }, body: { client_ip: r.client_ip!, helo: r.helo ?? '', mail_from: r.sender ?? '', tls: Boolean(r.tls), auth_username: r.auth_username ?? null } }); });
  const retry = () => doing(async () => { await api.post('/webhooks/{id}/logs/{log_id}/retry', { path: { id: w.id, log_id: r.id } }); onRetried('It is being delivered again. The result is the newest record of the log.'); });
  const steps = chain(r);
  return <Dialog title={<span class="title-row"><RecordOutcome r={r} queued={queued} /><span class="reply">{replyOf(r, queued)}</span></span>} onClose={onClose} footer={<>
    {r.trace_id ? <a class="btn" href={`/app/traces/${r.trace_id}`}>Open trace</a> : null}
    {canRun ? <button type="button" class="btn" aria-disabled={busy.value} onClick={() => void run()}>Dry-run this message</button> : null}
    {canRetry ? <button type="button" class="btn" aria-disabled={busy.value} onClick={() => void retry()}>Retry</button> : null}
    <button type="button" class="btn" data-safe onClick={onClose}>Close</button></>}>
    <p class="why"><Why r={r} queued={queued} policyName={policyName} /></p>
    {trouble.value ? <Note tone="no" role="alert"><p>{trouble.value.message}</p></Note> : null}
    {dry.value ? <DryRunAnswer run={dry.value} /> : null}
    {steps.length ? <><h3>Verdicts</h3><ol class="chain">{steps.map((s, i) => <li key={i}><Verdict is={s.is}>{s.name}</Verdict> <Foreign text={s.word} /></li>)}</ol></> : null}
    <h3>Record</h3><Fields r={r} />
  </Dialog>;
}

function DryRunAnswer({ run }: { run: DryRun }) {
  const outcome = outcomeOf(run.decision);
  return <Note tone={outcome === 'accepted' ? 'ok' : outcome === 'refused' ? 'no' : 'wait'} role="status">
    <p><strong>Today:</strong> <Verdict is={outcome} /> <span class="reply">{run.reply.code} {run.reply.enhanced}</span> <Foreign text={run.reply.text} /></p>
    <ul>{run.checks.filter((c) => c.enabled).map((c) => <li key={c.control}>{controlNames[c.control]}: {c.result === 'not_evaluated' ? 'not evaluated' : c.result}{c.detail ? <>, <Foreign text={c.detail} /></> : null}</li>)}</ul>
    <p class="small">The text of the message is not kept in the log, so DKIM is judged without it.</p></Note>;
}

function Fields({ r }: { r: LogRecord }) {
  const rows: [string, string | number | null | undefined][] = [
    ['Time', `${day(r.created_at)} ${clock(r.created_at)} ${zone()}`], ['Kind', r.kind], ['Sender', r.sender === '' ? '<>' : r.sender], ['Recipients', r.recipients?.join(', ')], ['Client IP', r.client_ip], ['HELO', r.helo],
    ['TLS', r.tls], ['SMTP AUTH user', r.auth_username], ['Message id', r.message_id], ['Size', r.size !== null && r.size !== undefined ? octets(r.size) : null], ['Reply', r.smtp_code ? `${r.smtp_code} ${r.smtp_text ?? ''}` : null],
    ['HTTP status', r.http_status], ['Took', r.duration_ms !== null && r.duration_ms !== undefined ? took(r.duration_ms * 1e6) : null], ['Error', r.error], ['Attempt', r.attempt], ['Next attempt', r.next_attempt_at ? ago(r.next_attempt_at) : null],
    ['Override', r.override === 'none' ? null : r.override], ['Policy', r.policy_id ? `${r.policy_id}${r.policy_version ? `, version ${r.policy_version}` : ''}` : null], ['Stands for', r.count && r.count > 1 ? `${r.count} refusals of this hour` : null], ['Record', r.id]];
  return <Facts>{rows.map(([name, value]) => value === null || value === undefined || value === '' ? null : <Fact name={name} key={name}><Foreign text={String(value)} /></Fact>)}</Facts>;
}
