// The DKIM keys of a domain: made or taken over here, their records to copy, put to use and out of use.
import type { PageProps } from '../main';
import { useState } from 'preact/hooks';
import { api, ApiError, type Schemas } from '../lib/api';
import { useLoad } from '../lib/load';
import { mayWrite } from '../lib/session';
import { announce } from '../parts/announce';
import { Ago, Card, CopyButton, Empty, Foreign, Note, Page } from '../parts/basic';
import { Confirm } from '../parts/dialog';
import { AreaField, ErrorSummary, SelectField, TextField, useForm } from '../parts/form';
import { Icon } from '../parts/icon';

type Key = Schemas['DkimKey'];

export default function DkimKeys({ ids }: PageProps) {
  const id = ids.id!;
  const domain = useLoad(`domain ${id}`, (signal) => api.get('/domains/{id}', { path: { id }, signal }));
  const list = useLoad(`keys ${id}`, (signal) => api.get('/domains/{id}/dkim-keys', { path: { id }, signal }));
  const rows = list.data?.data ?? [], crumbs = [{ name: 'Domains', href: '/app/settings/domains' }, { name: domain.data ? <Foreign text={domain.data.name} /> : 'Domain' }, { name: 'DKIM keys' }];
  const error = domain.error ?? list.error;
  if (error) return <Page title={error.status === 404 ? 'There is no such domain here' : 'DKIM keys'} crumbs={crumbs}><Note tone={error.status === 404 ? undefined : 'no'} role="alert"><p>{error.status === 404 ? <a href="/app/settings/domains">All domains</a> : error.message}</p></Note></Page>;
  return <Page title="DKIM keys" crumbs={crumbs} sub="Mail that this gateway sends for the domain is signed with the keys that are in use. A key goes into use when its record is found in DNS.">
    <div class="cols"><div class="stack">
      {rows.map((key) => <One key={key.selector} domain={id} of={key} onChange={() => void list.reload()} />)}
      {list.data && !rows.length ? <Empty title="No keys yet"><p>Mail of this domain is sent without a signature.</p></Empty> : null}
      {list.loading && !list.data ? <p class="loading" role="status">Reading…</p> : null}</div>
      {mayWrite.value ? <NewKey domain={id} onMade={() => void list.reload()} /> : null}</div>
  </Page>;
}

function One({ domain, of: key, onChange }: { domain: string; of: Key; onChange: () => void }) {
  const [busy, setBusy] = useState(false), [going, setGoing] = useState(false), [trouble, setTrouble] = useState('');
  const path = { id: domain, selector: key.selector }, signs = key.state === 'signing';
  const doing = async (work: () => Promise<unknown>, done: string) => {
    if (busy) return;
    setBusy(true);
    setTrouble('');
    try { await work(); announce(done); onChange(); } catch (error) { setTrouble(error instanceof ApiError ? error.message : String(error)); }
    setBusy(false);
    setGoing(false);
  };
  const put = () => doing(() => api.put('/domains/{id}/dkim-keys/{selector}', { path, body: { state: signs ? 'published' : 'signing' } }), signs ? `${key.selector} no longer signs` : `${key.selector} signs`);
  return <Card title={<span class="mono"><Foreign text={key.selector} /></span>} aside={<div class="actions">{signs ? <span class="tag ok"><Icon name="check" />Signs</span> : <span class="tag">Not in use</span>}
    {mayWrite.value ? <><button type="button" class="btn sm" aria-disabled={busy} aria-label={signs ? `Take ${key.selector} out of use` : `Sign with ${key.selector}`} onClick={() => void put()}>{signs ? 'Take out of use' : 'Sign with it'}</button>
      <button type="button" class="btn ghost sm icon" aria-label={`Delete ${key.selector}`} onClick={() => setGoing(true)}><Icon name="bin" /></button></> : null}</div>}>
    <div class="stack gap-s">{trouble ? <Note tone="no" role="alert"><p>{trouble}</p></Note> : null}
      <dl class="dns"><div><dt>Type</dt><dd class="mono">{key.record.type}</dd></div>{[['Name', key.record.name], ['Value', key.record.value]].map(([name, text]) => <div class="grow" key={name}><dt>{name}</dt><dd><div class="copy"><code title={text}>{text}</code><CopyButton text={text!} label={`${name!.toLowerCase()} of ${key.selector}`} /></div></dd></div>)}</dl>
      <p class="small muted">{key.algorithm === 'rsa-sha256' ? 'RSA' : 'Ed25519'}{key.created_at ? <>, made <Ago at={key.created_at} /></> : null}</p></div>
    {going ? <Confirm title={<>Delete <Foreign text={key.selector} />?</>} keep="Keep it" act="Delete key" busy={busy} onKeep={() => setGoing(false)} onAct={() => void doing(() => api.delete('/domains/{id}/dkim-keys/{selector}', { path }), `${key.selector} is deleted`)}>
      <p>The private key is gone then. Leave its record in DNS for some days: receivers may still check mail that it signed.</p></Confirm> : null}</Card>;
}

function NewKey({ domain, onMade }: { domain: string; onMade: () => void }) {
  const start = { selector: '', algorithm: 'rsa-sha256', private_key: '' }, form = useForm(start, { guard: false });
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async (v) => {
      const pem = v.private_key.trim();
      await api.post('/domains/{id}/dkim-keys', { path: { id: domain }, body: { selector: v.selector.trim(), ...(pem ? { private_key: pem } : { algorithm: v.algorithm as Key['algorithm'] }) } as never });
      announce(`${v.selector} is made`);
      form.reset(start);
      onMade();
    });
  };
  return <Card title="New key" plain><form class="body stack" onSubmit={save}>
    <ErrorSummary form={form} what="The key was not made." names={{ selector: 'Selector', algorithm: 'Algorithm', private_key: 'Private key' }} />
    <TextField label="Selector" name="selector" mono required placeholder="s2026" hint="A name for the key, part of its record's name." value={form.values.selector} onValue={(v) => form.set('selector', v)} error={form.errors.selector} />
    <SelectField label="Algorithm" name="algorithm" value={form.values.algorithm} onValue={(v) => form.set('algorithm', v)} options={[{ value: 'rsa-sha256', name: 'RSA, 2048 bits' }, { value: 'ed25519-sha256', name: 'Ed25519' }]} error={form.errors.algorithm} />
    <AreaField label="Private key" name="private_key" optional rows={3} hint="PEM, to take over a key that you have. Empty: a new one is made. It is never shown again." value={form.values.private_key} onValue={(v) => form.set('private_key', v)} error={form.errors.private_key} />
    <div><button type="submit" class="btn primary" aria-disabled={form.busy}>Create key</button></div>
  </form></Card>;
}
