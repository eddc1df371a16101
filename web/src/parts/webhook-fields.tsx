// The form of a webhook in its four parts, and the panel that says what the chosen policy lets in.
import type { ApiError, Schemas } from '../lib/api';
import { many } from '../lib/format';
import { AreaField, Choices, SelectField, TextField, type Form } from './form';
import { Card, Controls, Foreign } from './basic';
import { Icon } from './icon';
import { NoPolicy, type Webhook } from './webhook';
import type { WebhookValues } from './webhook-values';

export type Policy = Schemas['Policy'];
type Fields = { form: Form<WebhookValues> };

export const inboxHint = 'It keeps messages on this server, to be read here and through the API.';

export function Where({ form, w, own, shared }: Fields & { w: Webhook | null; own: string[]; shared: string }) {
  const { values: v, errors: e } = form;
  return <div class="rule">
    <TextField label="Name" name="name" optional={w ? undefined : true} maxLength={100} value={v.name} onValue={(t) => form.set('name', t)} error={e.name} />
    <Choices legend="Target" name="target" value={v.target} onValue={(t) => form.set('target', t as WebhookValues['target'])} options={[
      { value: 'url', name: 'A URL of yours', hint: 'Each message is posted there as JSON.' }, { value: 'inbox', name: 'Built-in inbox', hint: inboxHint }]} />
    {v.target === 'url' ? <TextField label="Target URL" name="target_url" type="url" mono placeholder="https://api.example.com/inbound" value={v.target_url} onValue={(t) => form.set('target_url', t)} error={e.target_url}
      hint="Must be https and reachable from this server. Redirects are not followed." /> : null}
    {v.target === 'inbox' ? <div class="two">
      <TextField label="Keeps at most" optional="messages" name="inbox_max_messages" inputMode="numeric" placeholder={w ? undefined : 'the server’s default'} value={v.inbox_messages} onValue={(t) => form.set('inbox_messages', t)} error={e.inbox_max_messages}
        hint="A full inbox refuses mail for the time being (452). It drops nothing to make room." />
      <TextField label="And at most" optional="MiB of payloads" name="inbox_max_octets" inputMode="numeric" placeholder={w ? undefined : 'the server’s default'} value={v.inbox_mib} onValue={(t) => form.set('inbox_mib', t)} error={e.inbox_max_octets} />
      <TextField label="For" optional="days" name="inbox_keep_days" inputMode="numeric" placeholder={w ? undefined : 'the server’s default'} value={v.inbox_days} onValue={(t) => form.set('inbox_days', t)} error={e.inbox_keep_days} hint="Older messages are deleted." />
    </div> : null}
    <Address form={form} w={w} own={own} shared={shared} />
  </div>;
}

/** On the shared domain the address is made by the server; on a domain of one's own any local part. */
function Address({ form, w, own, shared }: Fields & { w: Webhook | null; own: string[]; shared: string }) {
  const { values: v, errors: e } = form;
  const domains = [...new Set([...(w ? [v.domain] : [shared]), ...own])].filter(Boolean);
  const choosable = own.includes(v.domain);
  const choose = (domain: string) => {
    form.set('domain', domain);
    if (!own.includes(domain)) form.set('local', w && w.email_address.endsWith('@' + domain) ? w.email_address.slice(0, -domain.length - 1) : '');
    else if (!own.includes(v.domain)) form.set('local', '');
  };
  const described = ['f-email_address-h', e.email_address ? 'f-email_address-e' : ''].filter(Boolean).join(' ');
  return <div class="field"><label for="f-email_address">Address</label>
    {choosable || domains.length > 1 ? <div class="addr">
      <input type="text" id="f-email_address" class="mono" spellcheck={false} value={choosable || w ? v.local : ''} readOnly={!choosable} placeholder={choosable ? 'invoices' : 'made for you'} onInput={(ev) => form.set('local', ev.currentTarget.value)}
        aria-invalid={e.email_address ? 'true' : undefined} aria-describedby={described} />
      <span class="muted">@</span>
      <select aria-label="Domain" value={v.domain} onChange={(ev) => choose(ev.currentTarget.value)}>{domains.map((d) => <option key={d} value={d}>{d}</option>)}</select></div>
      : <input type="text" id="f-email_address" class="mono" readOnly value={w ? w.email_address : `made for you${shared ? ' at ' + shared : ''}`} aria-invalid={e.email_address ? 'true' : undefined} aria-describedby={described} />}
    <p class="hint" id="f-email_address-h">{choosable ? <>Mail to <code>{v.local || 'invoices'}+anything@{v.domain}</code> arrives here too; the part behind + is in the payload.</>
      : <>On this domain the address is made by the server. <a href="/app/settings/domains">Verify a domain of your own</a> to choose one.</>}</p>
    {e.email_address ? <p class="err" id="f-email_address-e"><Icon name="warning" /><span>{e.email_address}</span></p> : null}</div>;
}

export function WhichPolicy({ form, policies, trouble }: Fields & { policies: Policy[] | null; trouble: ApiError | null }) {
  const { values: v, errors: e } = form;
  const known = policies ?? [];
  const options = [{ value: '', name: 'None' }, ...known.map((p) => ({ value: p.id, name: p.name }))];
  if (v.smtp_security_policy_id && !known.some((p) => p.id === v.smtp_security_policy_id)) options.push({ value: v.smtp_security_policy_id, name: policies ? v.smtp_security_policy_id : 'Reading…' });
  return <div class="rule"><SelectField label="Security policy" name="smtp_security_policy_id" value={v.smtp_security_policy_id} onValue={(t) => form.set('smtp_security_policy_id', t)} error={e.smtp_security_policy_id ?? trouble?.message} options={options}
    hint="With None this address accepts all mail. A change holds for the next message." /></div>;
}

export function Delivery({ form }: Fields) {
  const { values: v, errors: e } = form;
  return <div class="rule">
    <Choices legend="Delivery" name="delivery" value={v.delivery_mode} onValue={(t) => form.set('delivery_mode', t as WebhookValues['delivery_mode'])} options={[
      { value: 'sync', name: 'While the sender waits', hint: 'Your endpoint’s answer becomes the SMTP reply. If it fails, the sender keeps the mail and tries again.' },
      { value: 'queued', name: 'Queued', hint: 'Accepted once it is on disk, then tried for about three days.' }]} />
    <div class="two">
      <TextField label="Timeout" optional="seconds" name="timeout_ms" inputMode="numeric" value={v.timeout} onValue={(t) => form.set('timeout', t)} error={e.timeout_ms} />
      <TextField label="At most" optional="messages a minute" name="rate_limit_per_minute" inputMode="numeric" placeholder="no limit" value={v.rate} onValue={(t) => form.set('rate', t)} error={e.rate_limit_per_minute} />
    </div></div>;
}

export function Payload({ form }: Fields) {
  const { values: v, errors: e } = form;
  const set = v.attachments !== 'inline' || v.include_raw !== 'none' || v.headers !== '' || v.payload_template !== '';
  const wrong = Boolean(e.attachments || e.include_raw || e.custom_headers || e.payload_template);
  return <details class="rule payload" open={set || wrong}><summary class="label">Request and payload</summary>
    <div class="two">
      <SelectField label="Attachments" name="attachments" value={v.attachments} onValue={(t) => form.set('attachments', t as WebhookValues['attachments'])} error={e.attachments}
        options={[{ value: 'inline', name: 'In the payload, large ones by link' }, { value: 'link', name: 'By link' }, { value: 'none', name: 'Left out' }]} />
      <SelectField label="The message as it came" name="include_raw" value={v.include_raw} onValue={(t) => form.set('include_raw', t as WebhookValues['include_raw'])} error={e.include_raw}
        options={[{ value: 'none', name: 'Left out' }, { value: 'inline', name: 'In the payload' }, { value: 'link', name: 'By link' }]} />
    </div>
    <AreaField label="Request headers" name="custom_headers" rows={2} placeholder="Authorization: Bearer …" value={v.headers} onValue={(t) => form.set('headers', t)} error={e.custom_headers} hint={<>One a line, <code>Header: value</code>. They are sent with each request.</>} />
    <AreaField label="Payload template" name="payload_template" rows={5} placeholder={'{"title": {{json .Subject}}, "from": {{json .From}}}'} value={v.payload_template} onValue={(t) => form.set('payload_template', t)} error={e.payload_template}
      hint={<>Empty: the whole payload as JSON. Fields are <code>.Subject</code> <code>.From</code> <code>.To</code> <code>.Text</code> <code>.HTML</code> <code>.Headers</code> <code>.Auth</code>.</>}><TemplateSpot text={v.payload_template} error={e.payload_template} /></AreaField>
  </details>;
}

/** The server says line:column; this draws that line and goes there. */
function TemplateSpot({ text, error }: { text: string; error?: string }) {
  const spot = /^(\d+):(\d+)/.exec(error ?? '');
  if (!spot) return null;
  const line = Number(spot[1]), column = Number(spot[2]);
  const lines = text.split('\n');
  const before = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0) + column - 1;
  const go = () => {
    const area = document.getElementById('f-payload_template') as HTMLTextAreaElement | null;
    area?.focus();
    area?.setSelectionRange(before, Math.min(text.length, before + 1));
  };
  const is = lines[line - 1] ?? '';
  return <div class="spot"><code><span class="muted">{line} </span>{is.slice(0, column - 1)}<mark class="u-no">{is.slice(column - 1, column) || ' '}</mark>{is.slice(column)}</code>
    <button type="button" class="btn sm" onClick={go}>Go to line {line}, column {column}</button></div>;
}

const stages: Record<string, string> = { rcpt: 'at RCPT TO', data: 'after the data' };
export function WhatAccepts({ policy, none }: { policy: Policy | null; none: boolean }) {
  if (none) return <Card title="Reads as"><p><NoPolicy /></p><p class="small muted mt">Anyone who knows the address can send to it. Global limits still apply.</p></Card>;
  if (!policy) return null;
  const reads = policy.reads_as ?? [];
  const others = policy.webhook_count;
  return <Card title="Reads as" aside={<Controls policy={policy} />} footer={<><a class="inline-link" href={`/app/smtp-policies/${policy.id}`}>Open {policy.name}</a>{others ? `, which guards ${many(others, 'webhook')}` : ''}</>}>
    {policy.mode === 'shadow' ? <p class="small lead"><span class="tag shadow"><Icon name="eye" />Shadow</span> It is evaluated and recorded, and never refuses.</p> : null}
    {reads.length ? <><p class="small muted lead">Mail is accepted when</p><ol class="reads">{reads.map((r) => <li key={r.control}><span><Foreign text={r.text} /></span>{r.otherwise ? <span class="else">else {r.otherwise} {r.stage ? stages[r.stage] : ''}</span> : null}</li>)}</ol></>
      : <p class="small muted">This server does not describe it in words. See its page.</p>}
  </Card>;
}
