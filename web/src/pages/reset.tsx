// A new password by a one-time link, which an owner or the server's operator made.
import { api, request } from '../lib/api';
import { useLoad } from '../lib/load';
import { navigate, query } from '../lib/router';
import { Foreign, Note } from '../parts/basic';
import { TextField, useForm } from '../parts/form';
import { Gate, PhoneBrand } from '../parts/gate';
import { announce } from '../parts/announce';
import { resume } from '../lib/session';
import { enter } from './signin';

export default function Reset() {
  const link = query.value.get('link') ?? '';
  return <Gate>{link ? <Choose link={link} /> : <form onSubmit={(e) => e.preventDefault()}>
    <PhoneBrand />
    <div><h1 tabIndex={-1}>New password</h1><p class="sub">{location.host}</p></div>
    <p>A link sets a new password. An owner of your account makes one under <b>People</b>; the operator of this server makes one with</p>
    <pre class="term" tabIndex={0}>postern passwd --reset-link you@example.com</pre>
    <p class="small muted"><a href="/app/signin">Sign in</a></p>
  </form>}</Gate>;
}

function Choose({ link }: { link: string }) {
  const named = useLoad(link, (signal) => api.get('/links/{token}', { path: { token: link }, signal }));
  const form = useForm({ email: '', password: '' }, { guard: false });
  const email = named.data?.email ?? '', first = named.data?.first ?? false;
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async ({ email: own, password }) => {
      await api.post('/password-resets', { body: { token: link, new_password: password } });
      const answer = await request('POST', '/app/session', { body: { email, password } }).catch(() => null) as { totp_required?: boolean } | null;
      if (answer && first && own.trim()) {
        await resume();
        // The password is set by now; an address that is refused can be chosen again on the account's page.
        await api.put('/accounts/me/email', { body: { email: own.trim(), password } }).catch((error: Error) => announce(`The email address was not changed: ${error.message}`));
      }
      // With a second factor the sign-in goes on at its own page.
      if (answer && !answer.totp_required) await enter(); else navigate('/app/signin?done=reset', 'replace');
    });
  };
  const gone = named.error?.status === 404 || (named.data && named.data.kind !== 'reset');
  return <form onSubmit={save}>
    <PhoneBrand />
    {first ? <div><h1 tabIndex={-1}>Welcome to Postern</h1><p class="sub">Choose how you sign in to this gateway, {location.host}.</p></div>
      : <div><h1 tabIndex={-1}>New password</h1><p class="sub">{email ? <Foreign text={email} /> : location.host}</p></div>}
    {gone ? <Note tone="no" role="alert"><p>This link was used already, or is too old. Ask for a new one.</p></Note> : named.error ? <Note tone="no" role="alert"><p>{named.error.message}</p></Note> : null}
    {form.failure && !form.errors.new_password ? <Note tone="no" role="alert"><p>{form.failure.message}</p></Note> : null}
    {gone ? null : <>
      {first ? <TextField label="Your email" name="email" type="email" autocomplete="username" optional placeholder={email} hint={<>Until you choose one, you sign in as <span class="mono">{email}</span>.</>} value={form.values.email} onValue={(v) => form.set('email', v)} error={form.errors.email} /> : null}
      <TextField label="Password" name="new_password" type="password" autocomplete="new-password" required  hint={first ? 'At least 12 characters.' : 'At least 12 characters. All your sessions end.'} value={form.values.password} onValue={(v) => form.set('password', v)} error={form.errors.new_password} />
      <button type="submit" class="btn primary" aria-disabled={form.busy}>Set password</button></>}
    <p class="small muted"><a href="/app/signin">Sign in</a></p>
  </form>;
}
