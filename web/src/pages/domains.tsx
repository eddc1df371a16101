// Own domains: the records to copy, and what DNS says of them, live.
import { useState } from 'preact/hooks';
import { api, ApiError, type Schemas } from '../lib/api';
import { ago } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { gateway, mayWrite } from '../lib/session';
import { CopyButton, Card, Empty, Foreign, Note, Page } from '../parts/basic';
import { announce } from '../parts/announce';
import { Confirm, Dialog } from '../parts/dialog';
import { ErrorSummary, TextField, useForm } from '../parts/form';
import { Icon } from '../parts/icon';

type Domain = Schemas['Domain'];
type Check = Schemas['DnsRecordCheck'];

export default function Domains() {
  const list = useLoad('domains', (signal) => api.get('/domains', { signal }));
  const [adding, setAdding] = useState(false);
  const rows = (list.data?.data ?? []).filter((d) => !d.is_public);
  const add = mayWrite.value ? <button type="button" class="btn primary" data-key="n" onClick={() => setAdding(true)}>+ New</button> : null;
  return <Page title="Domains" sub="Your own domain gives webhooks addresses of your choice. Proving that it is yours takes one DNS record." actions={rows.length ? add : null}>
    {list.error ? <Note tone="no" role="alert"><p>{list.error.message}</p></Note> : null}
    {list.data && !rows.length ? <Empty title="No domain of your own yet"><p>Webhooks have addresses below <span class="mono">{gateway.value?.public_domain ?? 'the shared domain'}</span>. With a domain of your own they are called as you like: <span class="mono">invoices@mail.example.org</span>.</p>{add}</Empty> : null}
    {rows.map((d) => <One key={d.id} domain={d} onChange={() => void list.reload()} />)}
    {list.loading && !list.data ? <p class="loading" role="status">Reading…</p> : null}
    {adding ? <Add onClose={() => setAdding(false)} onDone={() => { setAdding(false); void list.reload(); }} /> : null}
  </Page>;
}

function Add({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const form = useForm({ name: '' }, { guard: false });
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async ({ name }) => { await api.post('/domains', { body: { name: name.trim() } }); announce(`${name} is added`); onDone(); });
  };
  return <Dialog title="New domain" onClose={onClose} footer={<><button type="button" class="btn" onClick={onClose}>Cancel</button><button type="submit" form="new-domain" class="btn primary" aria-disabled={form.busy}>Add domain</button></>}>
    <form id="new-domain" class="stack" onSubmit={save}>
      <ErrorSummary form={form} what="The domain was not added." names={{ name: 'Domain' }} />
      <TextField label="Domain" name="name" mono required placeholder="mail.example.org" hint="A name that you can add records to. A subdomain keeps your other mail where it is." value={form.values.name} onValue={(v) => form.set('name', v)} error={form.errors.name} />
    </form></Dialog>;
}

const steps: Record<Check['purpose'], string> = { verification: 'Prove that the domain is yours', mx: 'Send its mail here', dkim: 'Let receivers check what it signs', spf: 'Say who sends for it' };

function One({ domain, onChange }: { domain: Domain; onChange: () => void }) {
  const dns = useLoad(domain.id, (signal) => api.get('/domains/{id}/dns', { path: { id: domain.id }, signal }));
  const [looked, setLooked] = useState(Date.now());
  const [going, setGoing] = useState(false);
  const [trouble, setTrouble] = useState<ApiError | null>(null);
  const look = async (aloud: boolean) => {
    setTrouble(null);
    await dns.reload();
    setLooked(Date.now());
    if (domain.verified && !aloud) return;
    try {
      const answer = await api.post('/domains/{id}/verify', { path: { id: domain.id } });
      if (!domain.verified && answer?.verified) { announce(`${domain.name} is verified`); onChange(); }
      else if (aloud) announce('The record is there');
    } catch (e) {
      const error = e as ApiError;
      // Not there yet is what one waits for; another trouble is said.
      if (error.code !== 'verification_failed') setTrouble(error); else if (aloud) announce(error.message);
    }
  };
  useEvery(15_000, () => { if (!domain.verified && mayWrite.value) void look(false); });
  const records: Check[] = dns.data?.data ?? [{ purpose: 'verification', type: 'TXT', name: domain.verification_record?.name ?? '', value: domain.verification_token, found: [], ok: domain.verified, text: dns.error?.message ?? 'Asking DNS…' }];
  const first = records.findIndex((r) => !r.ok);
  return <Card title={<span class="mono"><Foreign text={domain.name} /></span>} plain aside={<div class="actions"><State domain={domain} />
    {domain.verified ? <a class="btn sm" aria-label={`DKIM keys of ${domain.name}`} href={`/app/settings/domains/${domain.id}/dkim-keys`}>DKIM keys</a> : null}
    {mayWrite.value ? <><button type="button" class="btn sm" onClick={() => void look(true)}><Icon name="again" />Check now</button>
      <button type="button" class="btn ghost sm icon" aria-label={`Remove ${domain.name}`} onClick={() => setGoing(true)}><Icon name="bin" /></button></> : null}</div>}>
    {trouble ? <div class="body"><Note tone="no" role="alert"><p>{trouble.message}</p></Note></div> : null}
    <ol class="steps">{records.map((r, i) => <li class={i === first ? 'now' : ''} key={r.purpose + r.name}><div><h3>{steps[r.purpose]}</h3>
      <dl class="dns"><div><dt>Type</dt><dd class="mono">{r.type}</dd></div><Line name="Name" text={r.name} /><Line name="Value" text={r.value} /></dl>
      <p class="waiting">{r.ok ? <Icon name="check" /> : <span class="pulse" aria-hidden="true" />}{r.ok || domain.verified ? '' : 'Looking every 15 s. '}{r.text}{r.found.length && !r.ok ? <> Found: <Foreign class="mono" text={r.found.join(' · ')} /></> : null} <span class="muted">{ago(new Date(looked))}</span></p></div></li>)}</ol>
    {going ? <Remove domain={domain} onClose={() => setGoing(false)} onDone={() => { setGoing(false); onChange(); }} /> : null}
  </Card>;
}

const Line = ({ name, text }: { name: string; text: string }) => <div class="grow"><dt>{name}</dt><dd><div class="copy"><code title={text}>{text}</code><CopyButton text={text} label={name.toLowerCase()} /></div></dd></div>;

function State({ domain }: { domain: Domain }) {
  if (domain.failing_since) {
    const days = Math.floor((Date.now() - new Date(domain.failing_since).getTime()) / 86_400_000);
    return <span class="tag wait"><Icon name="warning" />Record missing for {days} days{domain.verified ? `, unverified in ${Math.max(0, 7 - days)}` : ''}</span>;
  }
  return domain.verified ? <span class="tag ok"><Icon name="check" />Verified</span> : <span class="tag wait"><Icon name="clock" />Waiting for DNS</span>;
}

function Remove({ domain, onClose, onDone }: { domain: Domain; onClose: () => void; onDone: () => void }) {
  const [trouble, setTrouble] = useState('');
  const act = async () => { try { await api.delete('/domains/{id}', { path: { id: domain.id } }); announce(`${domain.name} is removed`); onDone(); } catch (e) { setTrouble((e as Error).message); } };
  return <Confirm title={<>Remove <Foreign text={domain.name} />?</>} keep="Keep it" act="Remove domain" onKeep={onClose} onAct={() => void act()}>
    <p>Another account can claim it then. Delete the webhooks with addresses in it first.</p>{trouble ? <Note tone="no" role="alert"><p>{trouble}</p></Note> : null}</Confirm>;
}
