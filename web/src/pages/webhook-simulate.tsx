// Posts a made-up message to the target: what the endpoint answers, without SMTP and without the policy.
import type { PageProps } from '../main';
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { api, ApiError, type Schemas } from '../lib/api';
import { took } from '../lib/format';
import { mayWrite } from '../lib/session';
import { Card, Fact, Facts, Foreign, Note, Page, Verdict } from '../parts/basic';
import { AreaField, ErrorSummary, TextField, useForm } from '../parts/form';
import { crumbsOf, isInbox, parseHeaders, useWebhook, WithoutWebhook, type Webhook } from '../parts/webhook';

export default function WebhookSimulate({ ids }: PageProps) {
  const loaded = useWebhook(ids.id!);
  return loaded.data ? <Simulate w={loaded.data} /> : <WithoutWebhook id={ids.id!} error={loaded.error} />;
}

const names = { from: 'From', subject: 'Subject', text: 'Text', html: 'HTML', headers: 'Headers' };
type Values = Record<keyof typeof names, string>;

/** Empty members are left out: the server has words of its own for them. */
function bodyOf(v: Values): Schemas['SimulateRequest'] {
  const { pairs, error } = parseHeaders(v.headers);
  if (error) throw new ApiError(422, 'page', error, { headers: error });
  const headers: Record<string, string[]> = {};
  for (const [name, value] of pairs) (headers[name] ??= []).push(value);
  return { ...(v.from.trim() ? { from: v.from.trim() } : {}), ...(v.subject ? { subject: v.subject } : {}), ...(v.text ? { text: v.text } : {}), ...(v.html ? { html: v.html } : {}), ...(pairs.length ? { headers } : {}) };
}

function Simulate({ w }: { w: Webhook }) {
  const form = useForm<Values>({ from: '', subject: '', text: '', html: '', headers: '' }, { guard: false });
  const result = useSignal<Schemas['SimulateResult'] | null>(null);
  const { values: v, errors: e } = form;
  const send = (event: Event) => {
    event.preventDefault();
    void form.submit(async (values) => { result.value = null; result.value = await api.post('/webhooks/{id}/simulate', { path: { id: w.id }, body: bodyOf(values) }); });
  };
  const crumbs = crumbsOf(w, { name: 'Simulate' });
  if (!mayWrite.value) return <Page title="Simulate" crumbs={crumbs}><Note><p>Viewers can see this account but send nothing.</p></Note></Page>;
  return <Page title="Simulate" sub={<>A message is made here and posted to {isInbox(w) ? 'the built-in inbox' : <span class="mono">{w.target_url}</span>}. SMTP and the policy are skipped.</>} crumbs={crumbs}>
    <ErrorSummary form={form} what="Nothing was sent." names={names} />
    {result.value ? <Answer result={result.value} w={w} /> : null}
    <form class="card" aria-label="Message" noValidate onSubmit={send}>
      <div class="rule"><div class="two"><TextField label="From" name="from" optional inputMode="email" placeholder="simulation@example.com" value={v.from} onValue={(t) => form.set('from', t)} error={e.from} />
        <TextField label="Subject" name="subject" optional placeholder="Simulated message" value={v.subject} onValue={(t) => form.set('subject', t)} error={e.subject} /></div>
        <AreaField label="Text" name="text" optional prose rows={4} value={v.text} onValue={(t) => form.set('text', t)} error={e.text} />
        <AreaField label="HTML" name="html" optional rows={3} value={v.html} onValue={(t) => form.set('html', t)} error={e.html} />
        <AreaField label="Headers" name="headers" optional rows={2} placeholder="X-Priority: 1" hint={<>One a line, <code>Header: value</code>.</>} value={v.headers} onValue={(t) => form.set('headers', t)} error={e.headers} /></div>
      <div class="form-foot"><button type="submit" class="btn primary" aria-disabled={form.busy}>{form.busy ? 'Sending…' : 'Send simulated message'}</button><a class="btn ghost" href={`/app/webhooks/${w.id}`}>Back to the webhook</a></div>
    </form>
  </Page>;
}

function Answer({ result: r, w }: { result: Schemas['SimulateResult']; w: Webhook }) {
  const box = useRef<HTMLDivElement>(null);
  const good = r.http_status !== null && r.http_status >= 200 && r.http_status < 300 && !r.error;
  useEffect(() => box.current?.focus(), [r.log_id]);
  return <div ref={box} tabIndex={-1} role="group" aria-label="The answer"><Card title="The answer" footer={<><a class="inline-link" href={`/app/webhooks/${w.id}/logs?record=${r.log_id}`}>Its record in the log</a>{isInbox(w) ? <>, <a class="inline-link" href={`/app/webhooks/${w.id}/inbox`}>the inbox</a></> : null}</>}>
    <Facts><Fact name="HTTP">{good ? <Verdict is="accepted">{r.http_status}</Verdict> : <Verdict is="refused">{r.http_status ?? 'no answer'}</Verdict>}</Fact><Fact name="Took">{took(r.duration_ms * 1e6)}</Fact>
      {r.error ? <Fact name="Error"><Foreign text={r.error} /></Fact> : null}</Facts></Card></div>;
}
