// Your account: email address, password, second factor, where you are signed in, time zone, keys, leaving.
import { useState } from 'preact/hooks';
import { api, request } from '../lib/api';
import { lettersOn, setLetters } from '../lib/keys';
import { useLoad } from '../lib/load';
import { navigate } from '../lib/router';
import { isOwner, me, resume, type Me } from '../lib/session';
import { Ago, Card, Copy, Fact, Facts, Foreign, Note, Page } from '../parts/basic';
import { announce } from '../parts/announce';
import { Dialog } from '../parts/dialog';
import { ErrorSummary, SwitchField, TextField, useForm } from '../parts/form';
import { TwoFactor } from '../parts/two-factor';

export default function Account() {
  const one = me.value!;
  return <Page title="Account" sub={<Foreign text={one.email} />}>
    <div class="cols"><div class="stack"><Email one={one} /><Password /><TwoFactor /><SignIns /></div>
      <div class="stack"><About one={one} /><Zone one={one} /><Keys />{isOwner.value ? <SigningKey one={one} /> : null}<Leave one={one} /></div></div>
  </Page>;
}

function About({ one }: { one: Me }) {
  return <Card title="You"><Facts><Fact name="Role">{one.role}</Fact><Fact name="Account"><span class="mono">{one.team_id ?? one.id}</span></Fact><Fact name="Since"><Ago at={one.created_at} /></Fact>
    <Fact name="Gateway">{one.operates_gateway ? 'you operate it: connection policies, queue, replay' : 'your own webhooks and policies'}</Fact></Facts></Card>;
}

function Email({ one }: { one: Me }) {
  const form = useForm({ email: one.email, password: '' });
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async ({ email, password }) => {
      const now = await api.put('/accounts/me/email', { body: { email: email.trim(), password } });
      form.reset({ email: now.email, password: '' });
      announce(`You sign in as ${now.email} from now on`);
      await resume();
    });
  };
  return <Card title="Email address" plain><form class="body stack" onSubmit={save}>
    <ErrorSummary form={form} what="The email address was not changed." names={{ email: 'Email', password: 'Your password' }} />
    <TextField label="Email" name="email" type="email" autocomplete="username" required hint="You sign in with it." value={form.values.email} onValue={(v) => form.set('email', v)} error={form.errors.email} />
    <TextField label="Your password" name="password" type="password" autocomplete="current-password" required value={form.values.password} onValue={(v) => form.set('password', v)} error={form.errors.password} />
    <div><button type="submit" class="btn" aria-disabled={form.busy}>Change email address</button></div>
  </form></Card>;
}

function Password() {
  const form = useForm({ current: '', next: '', revoke: false });
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async (v) => {
      await api.put('/accounts/me/password', { body: { current_password: v.current, new_password: v.next, revoke_tokens: v.revoke } });
      form.reset({ current: '', next: '', revoke: false });
      announce('The password is changed. Other sessions have ended.');
      await resume();
    });
  };
  return <Card title="Password" plain><form class="body stack" onSubmit={save}>
    <ErrorSummary form={form} what="The password was not changed." names={{ current_password: 'Current password', new_password: 'New password' }} />
    <TextField label="Current password" name="current_password" type="password" autocomplete="current-password" required value={form.values.current} onValue={(v) => form.set('current', v)} error={form.errors.current_password} />
    <TextField label="New password" name="new_password" type="password" autocomplete="new-password" required hint="At least 12 characters. Your other sessions end." value={form.values.next} onValue={(v) => form.set('next', v)} error={form.errors.new_password} />
    <SwitchField label="Revoke the API tokens too" name="revoke_tokens" on={form.values.revoke} onSwitch={(v) => form.set('revoke', v)} />
    <div><button type="submit" class="btn" aria-disabled={form.busy}>Change password</button></div>
  </form></Card>;
}

function SignIns() {
  const list = useLoad('sessions', (signal) => api.get('/accounts/me/sessions', { signal }));
  const end = async (id: string) => { await api.delete('/accounts/me/sessions/{id}', { path: { id } }).catch((e: Error) => announce(e.message)); announce('The session has ended'); await list.reload(); };
  const rows = list.data?.data ?? [];
  return <Card title="Signed in" plain>{list.error ? <div class="body"><Note tone="no"><p>{list.error.message}</p></Note></div> : null}
    {rows.length ? <div class="table-wrap"><table class="fold"><caption class="vh">Where you are signed in</caption><thead><tr><th scope="col">From</th><th scope="col">Since</th><th scope="col">Last used</th><th scope="col"><span class="vh">Actions</span></th></tr></thead>
      <tbody>{rows.map((s) => <tr key={s.id}><td class="wide clip"><span class="mono">{s.ip}</span>{s.current ? <span class="tag ok">this one</span> : null}<span class="sub clip" title={s.user_agent}><Foreign text={browserOf(s.user_agent)} /></span></td>
        <td class="nowrap" data-l="Since"><Ago at={s.created_at} /></td><td class="nowrap" data-l="Used"><Ago at={s.refreshed_at} /></td>
        <td class="r act">{s.current ? null : <button type="button" class="btn ghost sm danger" aria-label={`Sign out ${s.ip}, ${s.created_at}`} onClick={() => void end(s.id)}>Sign out</button>}</td></tr>)}</tbody></table></div> : null}</Card>;
}

/** "Firefox on Linux"; of a program its own name. Browsers name those they resemble first, so the order matters. */
export function browserOf(agent: string): string {
  const browser = [['Edg/', 'Edge'], ['OPR/', 'Opera'], ['Firefox/', 'Firefox'], ['Chrome/', 'Chromium'], ['Safari/', 'Safari']].find(([mark]) => agent.includes(mark!))?.[1];
  const system = [['Android', 'Android'], ['iPhone', 'iPhone'], ['iPad', 'iPad'], ['Windows', 'Windows'], ['Mac OS', 'macOS'], ['CrOS', 'ChromeOS'], ['Linux', 'Linux']].find(([mark]) => agent.includes(mark!))?.[1];
  if (!browser) return agent.split(/[\s(]/)[0] || 'unknown program';
  return system ? `${browser} on ${system}` : browser;
}

function Zone({ one }: { one: Me }) {
  const form = useForm({ timezone: one.timezone ?? 'UTC' }, { guard: false });
  const names = ['UTC', ...(Intl.supportedValuesOf?.('timeZone') ?? [])];
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async ({ timezone }) => { await api.put('/accounts/me/timezone', { body: { timezone } }); await resume(); announce(`Times are in ${timezone} now`); });
  };
  return <Card title="Time zone" plain><form class="body stack" onSubmit={save}>
    <div class="field"><label for="f-timezone">Times are shown in</label><input id="f-timezone" list="zones" value={form.values.timezone} spellcheck={false} onInput={(e) => form.set('timezone', e.currentTarget.value)} aria-invalid={form.errors.timezone ? 'true' : undefined} aria-describedby={form.errors.timezone ? 'f-timezone-e' : undefined} />
      <datalist id="zones">{names.map((n) => <option key={n} value={n} />)}</datalist>{form.errors.timezone ? <p class="err" id="f-timezone-e">{form.errors.timezone}</p> : null}</div>
    <div><button type="submit" class="btn" aria-disabled={form.busy}>Save time zone</button></div></form></Card>;
}

function Keys() {
  return <Card title="Keyboard"><SwitchField label="Single-letter keys" name="letters" hint={<>Press <kbd>?</kbd> for the table. Kept in this browser.</>} on={lettersOn.value} onSwitch={setLetters} /></Card>;
}

function SigningKey({ one }: { one: Me }) {
  const [trouble, setTrouble] = useState('');
  const change = async (on: boolean) => {
    setTrouble('');
    try { if (on) await api.post('/accounts/me/signing-key'); else await api.delete('/accounts/me/signing-key'); await resume(); announce(on ? 'Signatures with a public key are on' : 'Signatures with a public key are off'); } catch (e) { setTrouble((e as Error).message); }
  };
  return <Card title="Public-key signatures"><div class="stack gap-s">
    {trouble ? <Note tone="no" role="alert"><p>{trouble}</p></Note> : null}
    <p class="small muted">Webhook calls are always signed with each webhook’s secret. With a key pair receivers check them without a secret (<code>v1a</code>, Ed25519).</p>
    {one.signing_public_key ? <Copy text={one.signing_public_key} label="public key" /> : null}
    <div><button type="button" class="btn" onClick={() => void change(!one.signing_public_key)}>{one.signing_public_key ? 'Turn off' : 'Make a key'}</button></div></div></Card>;
}

function Leave({ one }: { one: Me }) {
  const [open, setOpen] = useState(false);
  const form = useForm({ password: '' }, { guard: false });
  const act = (event: Event) => {
    event.preventDefault();
    void form.submit(async ({ password }) => { await api.delete('/accounts/me', { body: { password } }); await request('DELETE', '/app/session').catch(() => null); me.value = null; navigate('/app/signup', 'replace'); });
  };
  return <Card title="Delete">
    <div class="stack gap-s"><p class="small muted">{isOwner.value ? 'Deletes the account with its webhooks, policies, domains, logs and people. Mail to their addresses is then refused with 550.' : 'Removes you from this account. What you made stays.'}</p>
      <div><button type="button" class="btn danger" onClick={() => setOpen(true)}>Delete account…</button></div></div>
    {open ? <Dialog title={<>Delete <Foreign text={one.email} />?</>} onClose={() => setOpen(false)} footer={<><button type="button" class="btn" data-safe onClick={() => setOpen(false)}>Keep it</button><button type="submit" form="leave" class="btn danger solid">Delete account</button></>}>
      <form id="leave" class="stack" onSubmit={act}><ErrorSummary form={form} what="Nothing was deleted." names={{ leave_password: 'Your password' }} /><p>This cannot be undone.</p>
        <TextField label="Your password" name="leave_password" type="password" autocomplete="current-password" required value={form.values.password} onValue={(v) => form.set('password', v)} error={form.errors.password ?? form.errors.leave_password} /></form></Dialog> : null}
  </Card>;
}
