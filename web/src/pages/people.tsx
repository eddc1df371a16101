// Who signs in to this account, and what each may do.
import { useState } from 'preact/hooks';
import { api, type Schemas } from '../lib/api';
import { useLoad } from '../lib/load';
import { isOwner } from '../lib/session';
import { Ago, At, Card, Foreign, Note, Page } from '../parts/basic';
import { announce } from '../parts/announce';
import { Confirm } from '../parts/dialog';
import { Choices, ErrorSummary, TextField, useForm } from '../parts/form';
import { Once } from '../parts/once';

type Member = Schemas['Member'];
type Role = Member['role'];
const roles: { value: Role; name: string; hint: string }[] = [
  { value: 'owner', name: 'owner', hint: 'Everything, including people and the account itself.' }, { value: 'operator', name: 'operator', hint: 'Webhooks, policies, lists and queue, but not people.' }, { value: 'viewer', name: 'viewer', hint: 'Sees everything, changes nothing.' },
];

export default function People() {
  const list = useLoad('people', (signal) => api.get('/members', { signal }));
  const [link, setLink] = useState<{ what: string; link: string; until: string } | null>(null);
  const [going, setGoing] = useState<Member | null>(null);
  const [trouble, setTrouble] = useState('');
  const attempt = async (work: () => Promise<unknown>, done?: string) => {
    setTrouble('');
    try { await work(); if (done) announce(done); await list.reload(); } catch (e) { setTrouble((e as Error).message); await list.reload(); }
  };
  const members = list.data?.data ?? [], invitations = list.data?.invitations ?? [];
  return <Page title="People" sub="Everybody here works on the same webhooks, policies and traces, and signs in with a password of their own.">
    {trouble || list.error ? <Note tone="no" role="alert"><p>{trouble || list.error!.message}</p></Note> : null}
    {link ? <Once what={link.what} secret={link.link} label="link" also={<p class="small">It works once, until <At at={link.until} />. Do not send it to anyone else.</p>} /> : null}
    <div class="cols wide-side"><div class="stack">
      <section class="card" aria-label="Members"><div class="table-wrap"><table class="fold"><caption class="vh">Members</caption>
        <thead><tr><th scope="col">Email</th><th scope="col">Role</th><th scope="col">Second factor</th><th scope="col">Last seen</th><th scope="col"><span class="vh">Actions</span></th></tr></thead>
        <tbody>{members.map((m) => <tr key={m.id}>
          <td class="wide"><span class="name"><Foreign text={m.email} /></span>{m.you ? <span class="tag">you</span> : null}</td>
          <td data-l="Role">{isOwner.value ? <select class="inline-sel" aria-label={`Role of ${m.email}`} value={m.role} onChange={(e) => { const role = e.currentTarget.value as Role; void attempt(() => api.put('/members/{id}', { path: { id: m.id }, body: { role } }), `${m.email} is ${role} now`); }}>{roles.map((r) => <option key={r.value} value={r.value}>{r.name}</option>)}</select> : m.role}</td>
          <td data-l="Second factor">{m.totp_enabled ? 'on' : <span class="muted">off</span>}</td>
          <td class="nowrap" data-l="Seen"><Ago at={m.last_seen_at} /></td>
          <td class="r act">{isOwner.value && !m.you ? <span class="actions">
            <button type="button" class="btn ghost sm" aria-label={`Password link for ${m.email}`} onClick={() => void attempt(async () => { const made = await api.post('/members/{id}/reset-link', { path: { id: m.id } }); setLink({ what: `A link with which ${m.email} sets a new password.`, link: made.link, until: made.expires_at }); })}>Password link</button>
            <button type="button" class="btn ghost sm danger" aria-label={`Remove ${m.email}`} onClick={() => setGoing(m)}>Remove</button></span> : null}</td>
        </tr>)}</tbody></table></div></section>
      {invitations.length ? <Card title="Open invitations" plain><div class="table-wrap"><table class="fold"><caption class="vh">Invitations</caption>
        <thead><tr><th scope="col">For</th><th scope="col">Role</th><th scope="col">Until</th><th scope="col"><span class="vh">Actions</span></th></tr></thead>
        <tbody>{invitations.map((one) => <tr key={one.id}><td class="wide">{one.email ? <Foreign text={one.email} /> : 'anyone with the link'}</td><td data-l="Role">{one.role}</td><td class="nowrap" data-l="Until"><At at={one.expires_at} /></td>
          <td class="r act">{isOwner.value ? <button type="button" class="btn ghost sm danger" aria-label={`Withdraw the invitation of ${one.email ?? one.created_at}`} onClick={() => void attempt(() => api.delete('/invitations/{id}', { path: { id: one.id } }), 'The link stops')}>Withdraw</button> : null}</td></tr>)}</tbody></table></div></Card> : null}
    </div>
      {isOwner.value ? <Invite onMade={(i) => { setLink({ what: 'The invitation is made.', link: i.link!, until: i.expires_at }); void list.reload(); }} /> : <Card title="Roles"><Roles /></Card>}
    </div>
    {going ? <Confirm title={<>Remove <Foreign text={going.email} />?</>} keep="Keep" act="Remove" onKeep={() => setGoing(null)} onAct={() => { const id = going.id; setGoing(null); void attempt(() => api.delete('/members/{id}', { path: { id } }), 'Removed'); }}>
      <p>The sessions and API tokens of this person end now. Webhooks, policies and traces stay.</p></Confirm> : null}
  </Page>;
}

const Roles = () => <dl class="facts">{roles.map((r) => <><dt key={r.value}>{r.name}</dt><dd>{r.hint}</dd></>)}</dl>;

function Invite({ onMade }: { onMade: (made: Schemas['Invitation']) => void }) {
  const form = useForm({ email: '', role: 'operator' as Role }, { guard: false });
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async (v) => {
      onMade(await api.post('/invitations', { body: v.email.trim() ? { role: v.role, email: v.email.trim() } : { role: v.role } }));
      form.reset({ email: '', role: 'operator' });
    });
  };
  return <Card title="Invite" plain><form class="body stack" onSubmit={save}>
    <ErrorSummary form={form} what="No invitation was made." names={{ email: 'Email', role: 'Role' }} />
    <TextField label="Email" name="email" type="email" optional autocomplete="off" hint="If empty, anyone with the link can use it." value={form.values.email} onValue={(v) => form.set('email', v)} error={form.errors.email} />
    <div class="one-column"><Choices legend="Role" name="role" value={form.values.role} onValue={(v) => form.set('role', v as Role)} options={roles} /></div>
    <div><button type="submit" class="btn primary" aria-disabled={form.busy}>Make the link</button></div>
  </form></Card>;
}
