// API tokens: made here, shown once, revoked here.
import { useState } from 'preact/hooks';
import { api, type Schemas } from '../lib/api';
import { ago, day } from '../lib/format';
import { useLoad } from '../lib/load';
import { mayWrite, me } from '../lib/session';
import { Ago, Card, Empty, Foreign, Note, Page, Verdict } from '../parts/basic';
import { Confirm } from '../parts/dialog';
import { announce } from '../parts/announce';
import { AreaField, Choices, ErrorSummary, SelectField, TextField, useForm } from '../parts/form';
import { Once } from '../parts/once';

type Token = Schemas['ApiToken'];

export default function ApiTokens() {
  const list = useLoad('tokens', (signal) => api.get('/api-tokens', { signal }));
  const [made, setMade] = useState<Token | null>(null);
  const [going, setGoing] = useState<Token | null>(null);
  const [trouble, setTrouble] = useState('');
  const rows = list.data?.data ?? [];
  const revoke = async () => {
    try {
      await api.delete('/api-tokens/{id}', { path: { id: going!.id } });
      announce(`${going!.name} is revoked`);
      if (made?.id === going!.id) setMade(null);
      await list.reload();
    } catch (e) { setTrouble((e as Error).message); }
    setGoing(null);
  };
  return <Page title="API tokens" sub="For scripts and other programs. A token can do what its scopes say, from the addresses you list, until it expires.">
    {list.error || trouble ? <Note tone="no" role="alert"><p>{trouble || list.error!.message}</p></Note> : null}
    {made ? <Once what={<>“<Foreign text={made.name} />” was created.</>} secret={made.token!} label="token" /> : null}
    <div class="cols wide-side">
      {rows.length ? <section class="card" aria-label="Tokens"><div class="table-wrap"><table class="fold"><caption class="vh">API tokens of this account</caption>
        <thead><tr><th scope="col">Name</th><th scope="col">May do</th><th scope="col">Last used</th><th scope="col">Expires</th><th scope="col"><span class="vh">Actions</span></th></tr></thead>
        <tbody>{rows.map((t) => <tr key={t.id}>
          <td class="wide"><span class="name"><Foreign text={t.name} /></span><span class="sub mono">{t.prefix}…</span></td>
          <td class="wide">{t.scopes?.includes('write') ? 'Everything: write' : 'Everything: read'}<span class="sub">from {t.allowed_ips?.length ? <span class="mono">{t.allowed_ips.join(', ')}</span> : 'any address'}{t.created_by ? <>, made by <Foreign text={t.created_by} /></> : null}</span></td>
          <td class="nowrap" data-l="Used">{t.last_used_at ? <Ago at={t.last_used_at} /> : 'never used'}</td>
          <td class="nowrap" data-l="Expires"><Expiry at={t.expires_at ?? null} /></td>
          <td class="r act">{mayWrite.value || t.created_by === me.value?.email ? <button type="button" class="btn ghost sm danger" aria-label={`Revoke ${t.name}`} onClick={() => setGoing(t)}>Revoke</button> : null}</td>
        </tr>)}</tbody></table></div></section>
        : list.data ? <Empty title="No tokens yet"><p>A token lets a script do what you do here: <code>curl -H "Authorization: Bearer postern_…"</code>. See <a href="/app/api">API</a> for what it can do.</p></Empty> : <p class="loading" role="status">Reading…</p>}
      <NewToken onMade={(token) => { setMade(token); void list.reload(); }} />
    </div>
    {going ? <Confirm title={<>Revoke “<Foreign text={going.name} />”?</>} keep="Keep it" act="Revoke token" onKeep={() => setGoing(null)} onAct={() => void revoke()}><p>Programs that use it are refused from the next call on{going.last_used_at ? <>. It was used <Ago at={going.last_used_at} /></> : ''}.</p></Confirm> : null}
  </Page>;
}

function Expiry({ at }: { at: string | null }) {
  if (!at) return <Verdict is="deferred">never</Verdict>;
  const left = new Date(at).getTime() - Date.now();
  if (left <= 0) return <Verdict is="refused">expired {day(at)}</Verdict>;
  const text = left < 365 * 86_400_000 ? `in ${Math.max(1, Math.round(left / 86_400_000))} days` : day(at);
  return left < 7 * 86_400_000 ? <Verdict is="deferred">{left < 86_400_000 ? ago(at) : text}</Verdict> : <time dateTime={at} title={day(at)}>{text}</time>;
}

function NewToken({ onMade }: { onMade: (token: Token) => void }) {
  const start = { name: '', access: mayWrite.value ? 'write' : 'read', expires: '90', from: '' };
  const form = useForm(start, { guard: false });
  const until = (days: number) => new Date(Date.now() + days * 86_400_000);
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async (v) => {
      const token = await api.post('/api-tokens', { body: {
        name: v.name, scopes: v.access === 'write' ? ['read', 'write'] : ['read'], allowed_ips: v.from.split(/[\s,]+/).filter(Boolean),
        expires_at: v.expires === 'never' ? null : until(Number(v.expires)).toISOString() } });
      onMade(token);
      form.reset(start);
    });
  };
  return <Card title="New token" plain><form class="body stack" onSubmit={save}>
    <ErrorSummary form={form} what="The token was not created." names={{ name: 'Name', allowed_ips: 'Allowed from', expires_at: 'Expires' }} />
    <TextField label="Name" name="name" placeholder="What will use it" required maxLength={100} value={form.values.name} onValue={(v) => form.set('name', v)} error={form.errors.name} />
    {mayWrite.value ? <div class="one-column"><Choices legend="May" name="access" value={form.values.access} onValue={(v) => form.set('access', v)} options={[{ value: 'read', name: 'read', hint: 'See everything, change nothing.' }, { value: 'write', name: 'write', hint: "Read, and change what you can change." }]} /></div>
      : <p class="hint">It can read, as you can.</p>}
    <SelectField label="Expires" name="expires_at" value={form.values.expires} onValue={(v) => form.set('expires', v)} error={form.errors.expires_at} options={[{ value: '30', name: `in 30 days (${day(until(30))})` }, { value: '90', name: `in 90 days (${day(until(90))})` }, { value: '365', name: `in 1 year (${day(until(365))})` }, { value: 'never', name: 'never' }]} />
    <AreaField label="Allowed from" name="allowed_ips" optional rows={2} placeholder="203.0.113.0/24" hint="Networks, one per line. Empty means any address." value={form.values.from} onValue={(v) => form.set('from', v)} error={form.errors.allowed_ips} />
    <div><button type="submit" class="btn primary" aria-disabled={form.busy}>Create token</button></div>
  </form></Card>;
}
