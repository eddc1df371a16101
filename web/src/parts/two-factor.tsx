// The second factor: a secret for an authenticator, confirmed by its first code, and recovery codes that are shown once.
import { useState } from 'preact/hooks';
import { encode } from 'uqr';
import { api } from '../lib/api';
import { me, resume } from '../lib/session';
import { announce } from './announce';
import { Card, Copy, CopyButton, Note } from './basic';
import { Dialog } from './dialog';
import { ErrorSummary, TextField, useForm } from './form';

/** The code as one path: a square for each dark module. */
function Qr({ text }: { text: string }) {
  const { data, size } = encode(text, { border: 0 });
  const path = data.flatMap((row, y) => row.map((dark, x) => dark ? `M${x} ${y}h1v1h-1z` : '')).join('');
  return <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code for the authenticator" shape-rendering="crispEdges"><path d={path} /></svg>;
}

type Doing = 'enrol' | 'disable' | 'renew' | null;

export function TwoFactor() {
  const [doing, setDoing] = useState<Doing>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const on = me.value?.totp_enabled;
  const done = async (text: string) => { setDoing(null); announce(text); await resume(); };
  return <Card title="Second factor" aside={<span class={`tag ${on ? 'ok' : ''}`}>{on ? 'on' : 'off'}</span>}>
    <div class="stack gap-s">
      <p class="small muted">{on ? `Signing in also asks for a code from your authenticator. ${me.value?.backup_codes_left ?? 0} recovery codes are left.` : 'Signing in then also asks for a code from an authenticator. A stolen password alone is not enough.'}</p>
      {codes ? <Note tone="ok" role="status"><div class="stack gap-s"><p><strong>Recovery codes.</strong> Each works once instead of a code. They cannot be shown again.</p><ul class="codes">{codes.map((c) => <li key={c}>{c}</li>)}</ul>
        <div class="actions"><CopyButton text={codes.join('\n')} label="recovery codes" word="Copy all" /><button type="button" class="btn sm" onClick={() => setCodes(null)}>I have kept them</button></div></div></Note> : null}
      <div class="actions">{on ? <><button type="button" class="btn" onClick={() => setDoing('renew')}>New recovery codes</button><button type="button" class="btn danger" onClick={() => setDoing('disable')}>Turn off</button></>
        : <button type="button" class="btn" onClick={() => setDoing('enrol')}>Turn on</button>}</div>
    </div>
    {doing === 'enrol' ? <Enrol onClose={() => setDoing(null)} onDone={(fresh) => { setCodes(fresh); void done('The second factor is on'); }} /> : null}
    {doing === 'disable' ? <WithCode title="Turn the second factor off" act="Turn off" onClose={() => setDoing(null)} run={async (code) => { await api.delete('/accounts/me/2fa', { body: { code } }); setCodes(null); await done('The second factor is off'); }} /> : null}
    {doing === 'renew' ? <WithCode title="New recovery codes" act="Make new codes" onClose={() => setDoing(null)} run={async (code) => { const made = await api.post('/accounts/me/2fa/backup-codes', { body: { code } }); setCodes(made?.backup_codes ?? []); await done('The old recovery codes are void'); }} /> : null}
  </Card>;
}

function Enrol({ onClose, onDone }: { onClose: () => void; onDone: (codes: string[]) => void }) {
  const [offer, setOffer] = useState<{ secret: string; otpauth_url: string } | null>(null);
  const form = useForm({ code: '' }, { guard: false });
  const begin = () => form.submit(async () => { setOffer(await api.post('/accounts/me/2fa')); });
  const confirm = () => form.submit(async ({ code }) => { const made = await api.post('/accounts/me/2fa/confirm', { body: { code: code.trim() } }); onDone(made.backup_codes ?? []); });
  return <Dialog title="Turn the second factor on" onClose={onClose} footer={<><button type="button" class="btn" data-safe onClick={onClose}>Cancel</button>
    {offer ? <button type="submit" form="totp" class="btn primary">Turn on</button> : <button type="button" class="btn primary" onClick={() => void begin()}>Show the secret</button>}</>}>
    <form id="totp" class="stack" onSubmit={(e) => { e.preventDefault(); void confirm(); }}>
      <ErrorSummary form={form} what="It is not on yet." names={{ code: 'Code' }} />
      {offer ? <><p>Scan this with your authenticator, or type the secret.</p><Qr text={offer.otpauth_url} /><Copy text={offer.secret} label="secret" />
        <TextField label="Code" name="code" mono autocomplete="one-time-code" required hint="What the authenticator shows now." value={form.values.code} onValue={(v) => form.set('code', v)} error={form.errors.code} /></>
        : <p>The secret is shown on this screen. Make sure that nobody can see your screen.</p>}
    </form></Dialog>;
}

function WithCode({ title, act, onClose, run }: { title: string; act: string; onClose: () => void; run: (code: string) => Promise<void> }) {
  const form = useForm({ code: '' }, { guard: false });
  return <Dialog title={title} onClose={onClose} footer={<><button type="button" class="btn" onClick={onClose}>Cancel</button><button type="submit" form="with-code" class="btn primary">{act}</button></>}>
    <form id="with-code" class="stack" onSubmit={(e) => { e.preventDefault(); void form.submit(({ code }) => run(code.trim())); }}>
      <ErrorSummary form={form} what="Nothing was changed." names={{ code: 'Code' }} />
      <TextField label="Code" name="code" mono autocomplete="one-time-code" required hint="Of your authenticator, or a recovery code." value={form.values.code} onValue={(v) => form.set('code', v)} error={form.errors.code} /></form></Dialog>;
}
