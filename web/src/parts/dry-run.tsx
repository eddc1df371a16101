// A dry-run: what a policy, stored or still a draft, would answer to a client and a sender, with live DNS. No mail is sent.
import { useSignal } from '@preact/signals';
import { useState } from 'preact/hooks';
import type { Schemas } from '../lib/api';
import { controlLabels } from '../lib/controls';
import { announce } from './announce';
import { Fact, Facts, Foreign, Note, outcomeOf, Verdict } from './basic';
import { AreaField, SwitchField, TextField, useForm } from './form';
import { Icon, type IconName } from './icon';

type Request = Schemas['DryRunRequest'];
type Result = Schemas['DryRunResult'];

const results: Record<string, { tone: string; icon: IconName; word: string }> = {
  pass: { tone: 'ok', icon: 'check', word: 'Passed' }, fail: { tone: 'no', icon: 'cross', word: 'Failed' }, temperror: { tone: 'wait', icon: 'clock', word: 'No answer' },
  not_evaluated: { tone: 'none', icon: 'minus', word: 'Not asked' },
};

function Checks({ checks }: { checks: Result['checks'] }) {
  return <ul class="dry-checks">{checks.map((c) => {
    const r = c.enabled ? results[c.result]! : { tone: 'none', icon: 'minus' as IconName, word: 'Off' };
    return <li key={c.control}><b>{controlLabels[c.control]}</b><span class={`v ${r.tone}`}><Icon name={r.icon} />{r.word}</span>{c.detail ? <Foreign class="muted small" text={c.detail} /> : null}</li>;
  })}</ul>;
}

function Evidence({ of }: { of: Result }) {
  const signatures = of.dkim ?? [];
  return <details class="astable"><summary>What was found</summary><Facts>
    {of.spf ? <Fact name="SPF">{of.spf.result}{of.spf.domain ? <> for <Foreign text={of.spf.domain} /></> : null}{of.spf.mechanism ? <>, by <Foreign class="mono" text={of.spf.mechanism} /></> : null}{of.spf.reason ? <>: <Foreign text={of.spf.reason} /></> : null}</Fact> : null}
    {signatures.map((s, i) => <Fact key={i} name={signatures.length > 1 ? `DKIM ${i + 1}` : 'DKIM'}>{s.result} by <Foreign text={s.domain} />{s.reason ? <>: <Foreign text={s.reason} /></> : null}</Fact>)}
    {of.dmarc ? <Fact name="DMARC">{of.dmarc.result}{of.dmarc.domain ? <> for <Foreign text={of.dmarc.domain} /></> : null}</Fact> : null}
    {of.arc ? <Fact name="ARC">{of.arc.result}</Fact> : null}
  </Facts></details>;
}

function Answer({ result }: { result: Result }) {
  const is = outcomeOf(result.decision);
  return <div class="stack gap-s" role="group" aria-label="Answer of the dry-run">
    <p><Verdict is={is} /> <span class="muted small">{result.stage === 'rcpt' ? 'at RCPT TO' : 'after the data'}</span></p>
    <p class="reply"><Foreign text={`${result.reply.code} ${result.reply.enhanced} ${result.reply.text}`} /></p>
    <Checks checks={result.checks} />
    {result.spf || result.dkim?.length || result.dmarc ? <Evidence of={result} /> : null}
  </div>;
}

const words: Record<string, string> = { client_ip: 'Client IP', helo: 'HELO', mail_from: 'Envelope sender', auth_username: 'Signed in as', message: 'Message source' };

/** `run` asks the server. `folded`: the fields come with the first press of the button. */
export function DryRunPanel({ run, folded, children }: { run: (request: Request) => Promise<Result>; folded?: boolean; children?: preact.ComponentChildren }) {
  const [open, setOpen] = useState(!folded);
  const result = useSignal<Result | null>(null);
  const form = useForm({ client_ip: '', helo: '', mail_from: '', tls: false, auth_username: '', message: '' }, { guard: false });
  const v = form.values, e = form.errors;
  const go = (event: Event) => {
    event.preventDefault();
    if (!open) { setOpen(true); requestAnimationFrame(() => document.getElementById('f-client_ip')?.focus()); return; }
    void form.submit(async (values) => {
      result.value = null;
      const { auth_username, message, ...rest } = values;
      result.value = await run({ ...rest, ...(auth_username ? { auth_username } : {}), ...(message ? { message: message.replace(/\r?\n/g, '\r\n') } : {}) });
      announce(`Dry-run: ${outcomeOf(result.value.decision)}`);
    });
  };
  const others = Object.entries(e).filter(([name]) => !(name in words));
  return <form class="body stack gap-s" novalidate onSubmit={go} aria-label="Dry-run">
    {children}
    {open ? <>
      <TextField label="Client IP" name="client_ip" mono placeholder="203.0.113.10" value={v.client_ip} onValue={(t) => form.set('client_ip', t)} error={e.client_ip} />
      <TextField label="HELO" name="helo" mono placeholder="mail.example.com" value={v.helo} onValue={(t) => form.set('helo', t)} error={e.helo} />
      <TextField label="Envelope sender" name="mail_from" optional="(empty: the null sender)" mono placeholder="alerts@example.com" value={v.mail_from} onValue={(t) => form.set('mail_from', t)} error={e.mail_from} />
      <SwitchField label="Over TLS" name="tls" on={v.tls} onSwitch={(on) => form.set('tls', on)} error={e.tls} />
      <TextField label="Signed in as" name="auth_username" optional mono autocomplete="off" value={v.auth_username} onValue={(t) => form.set('auth_username', t)} error={e.auth_username} />
      <AreaField label="Message source" name="message" optional="(optional, for DKIM)" value={v.message} onValue={(t) => form.set('message', t)} error={e.message} />
    </> : null}
    <div><button type="submit" class="btn" aria-expanded={folded ? open : undefined}>Dry-run</button></div>
    {form.failure && (!form.failure.status || !Object.keys(form.failure.fields).length || others.length) ? <Note tone="no" role="alert"><p>{others.length ? others.map(([, text]) => text).join('. ') : form.failure.message}</p></Note> : null}
    {result.value ? <Answer result={result.value} /> : null}
  </form>;
}
