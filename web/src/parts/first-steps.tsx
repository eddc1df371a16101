// The first steps of an account without webhooks: say where mail should go, send a message, see why it was accepted.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../lib/api';
import { useEvery, useLoad } from '../lib/load';
import { setQuery } from '../lib/router';
import { mayWrite } from '../lib/session';
import { announce } from './announce';
import { Copy, Foreign, Note, Page, Verdict } from './basic';
import { Choices, ErrorSummary, TextField, useForm } from './form';
import { outcomeOfRecord, replyOf } from './log';
import { SecretNote, showSecret } from './secret';
import { swaks, TestMailButton, TestMailResult, useTestMail } from './test-mail';
import { createWebhook, isInbox, nameOf, type Webhook } from './webhook';
import { inboxHint } from './webhook-fields';

/** `id`: the webhook that the first step made; it stands in the address, so a reload goes on there. */
export function FirstSteps({ id }: { id: string }) {
  const made = useLoad(`first ${id}`, (signal) => id ? api.get('/webhooks/{id}', { path: { id }, signal }) : Promise.resolve(null));
  const w = id ? made.data : null;
  const seen = useSignal(false);
  const now = (n: number) => ((w ? (seen.value ? 3 : 2) : 1) === n ? 'now' : undefined);
  return <Page title="Webhooks" sub="A webhook is an address. Mail that arrives there, and satisfies its policy, is posted to your URL as JSON."
    actions={mayWrite.value ? <a class={w ? 'btn' : 'btn ghost'} data-key="n" href="/app/webhooks/new">+ New</a> : null}>
    {w ? <SecretNote id={w.id} ask={!isInbox(w)} /> : null}
    {made.error ? <Note tone="no" role="alert"><p>{made.error.status === 404 ? 'There is no such webhook here. ' : made.error.message + ' '}<a href="/app/webhooks">All webhooks</a></p></Note> : null}
    <section class="card" aria-label="First steps"><ol class="steps">
      <li class={now(1)}><div><h2>Say where mail should go</h2>{w ? <p><Verdict is="accepted">Done</Verdict> Mail for <a href={`/app/webhooks/${w.id}`}>{nameOf(w)}</a> goes to {isInbox(w) ? 'the built-in inbox' : <span class="mono">{w.target_url}</span>}.</p>
        : mayWrite.value ? <Target /> : <p class="muted">An owner or operator of this account makes the first webhook.</p>}</div></li>
      <li class={now(2)}><div><h2 id="step-2" tabIndex={-1}>Send it a first message</h2>{w ? <Send w={w} /> : <p class="muted">From here with one click, or with any mail client.</p>}</div></li>
      <li class={now(3)}><div><h2>See why it was accepted</h2><p class="muted">Every message, accepted or refused, leaves a trace: each rule that looked at it, what it found out, and the reply it led to.</p>{w ? <Arrival w={w} onSeen={() => { seen.value = true; }} /> : null}</div></li>
    </ol></section>
    <p class="small muted">Prefer the API? <code>POST /api/v1/webhooks</code> does the same. <a href="/app/api">Read the reference</a></p>
  </Page>;
}

function Target() {
  const form = useForm({ target: 'inbox', target_url: '', name: '' }, { guard: false });
  const { values: v } = form;
  const save = async (event: Event) => {
    event.preventDefault();
    let made: Webhook | null = null;
    const saved = await form.submit(async () => { made = await createWebhook({ target_url: v.target === 'inbox' ? 'inbox' : v.target_url.trim(), ...(v.name.trim() ? { name: v.name } : {}) }); });
    if (!saved || !made) return;
    const done: Webhook = made;
    if (done.secret && !isInbox(done)) showSecret(done.id, done.secret);
    announce('Webhook created');
    setQuery({ first: done.id }, 'replace');
    requestAnimationFrame(() => document.getElementById('step-2')?.focus());
  };
  return <form noValidate onSubmit={(e) => void save(e)}>
    <ErrorSummary form={form} what="No webhook was created." names={{ name: 'Name', target_url: 'Target URL' }} />
    <Choices legend="Target" name="target" value={v.target} onValue={(t) => form.set('target', t)} options={[
      { value: 'inbox', name: 'Built-in inbox', hint: inboxHint }, { value: 'url', name: 'A URL of yours', hint: 'Each message is posted there as JSON.' }]} />
    {v.target === 'url' ? <TextField label="Target URL" name="target_url" type="url" mono placeholder="https://api.example.com/inbound" value={v.target_url} onValue={(t) => form.set('target_url', t)} error={form.errors.target_url}
      hint="Must be https and reachable from this server." /> : null}
    <TextField label="Name" name="name" optional placeholder="Support inbox" maxLength={100} value={v.name} onValue={(t) => form.set('name', t)} error={form.errors.name} />
    <div class="actions"><button type="submit" class="btn primary" aria-disabled={form.busy}>Create webhook</button><span class="muted small">The address is made for you. A policy can be added later.</span></div>
  </form>;
}

function Send({ w }: { w: Webhook }) {
  const mail = useTestMail(w.id);
  return <>
    <Copy text={w.email_address} label="address" />
    {mayWrite.value ? <div class="actions"><TestMailButton mail={mail} primary /><span class="muted small">It is sent by this server to itself, over SMTP.</span></div> : null}
    <TestMailResult mail={mail} level={3} />
    <p class="muted">Any mail client or script works too. This command is on many machines:</p>
    <Copy text={swaks(w.email_address)} label="command" />
  </>;
}

/** Waits for the first record of the log: it is there for what was refused as well. */
function Arrival({ w, onSeen }: { w: Webhook; onSeen: () => void }) {
  const log = useLoad(`arrival ${w.id}`, (signal) => api.get('/webhooks/{id}/logs', { path: { id: w.id }, query: { simulated: false, limit: 1 }, signal }));
  const record = log.data?.data?.[0];
  useEvery(2000, () => { if (!record && !log.loading) void log.reload(); });
  useEffect(() => { if (record) { onSeen(); announce('The first message has arrived'); } }, [record?.id]);
  if (log.error) return <p class="muted">{log.error.message}</p>;
  if (!record) return <p class="waiting" role="status"><span class="pulse" aria-hidden="true" />Waiting for the first message</p>;
  const outcome = outcomeOfRecord(record);
  return <>
    <p><Verdict is={outcome} /> <span class="reply">{replyOf(record, w.delivery_mode === 'queued')}</span> from <span class="mono">{record.sender ? <Foreign text={record.sender} /> : '<>'}</span></p>
    <div class="actions">{record.trace_id ? <a class="btn primary" href={`/app/traces/${record.trace_id}`}>See why it was {outcome}</a> : null}
      {isInbox(w) && outcome === 'accepted' ? <a class="btn" href={`/app/webhooks/${w.id}/inbox`}>Read it in the inbox</a> : null}<a class="btn" href={`/app/webhooks/${w.id}`}>Open the webhook</a></div>
  </>;
}
