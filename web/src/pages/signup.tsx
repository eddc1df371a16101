// Create an account: openly, as the first owner, or by an invitation's link.
import { api, ApiError, request } from '../lib/api';
import { useLoad } from '../lib/load';
import { query } from '../lib/router';
import { Foreign, Note } from '../parts/basic';
import { TextField, useForm } from '../parts/form';
import { Gate, PhoneBrand } from '../parts/gate';
import { enter } from './signin';

export default function SignUp() {
  const link = query.value.get('link') ?? '';
  const named = useLoad(link, (signal) => link ? api.get('/links/{token}', { path: { token: link }, signal }) : Promise.resolve(null));
  const form = useForm({ email: '', password: '' }, { guard: false });
  const invited = named.data?.email ?? null;
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async ({ email, password }) => {
      const who = { email: invited ?? email.trim(), password };
      await api.post('/accounts', { body: link ? { ...who, link } : who });
      // The account is there; the same words open the session.
      await request('POST', '/app/session', { body: who });
      await enter();
    });
  };
  const closed = form.failure?.status === 403;
  return <Gate><form onSubmit={save} aria-labelledby="signup">
    <PhoneBrand />
    <div><h1 id="signup" tabIndex={-1}>Create an account</h1><p class="sub">{location.host}</p></div>
    {named.error ? <Note tone="no" role="alert"><p>{named.error.status === 404 ? 'This link was used already, or is too old. Ask for a new one.' : named.error.message}</p></Note> : null}
    {named.data?.kind === 'owner' ? <Note><p>This is the first account: it will own the gateway.</p></Note> : null}
    {named.data?.kind === 'invitation' ? <Note><p><Foreign text={named.data.team} /> invites you as {named.data.role}.</p></Note> : null}
    {form.failure && !Object.keys(form.errors).length ? <Note tone="no" role="alert"><p>{closed ? form.failure.message : words(form.failure)}</p></Note> : null}
    {invited ? <div class="field"><span class="label">Email</span><p class="mono"><Foreign text={invited} /></p></div>
      : <TextField label="Email" name="email" type="email" autocomplete="username" required value={form.values.email} onValue={(v) => form.set('email', v)} error={form.errors.email} />}
    <TextField label="Password" name="password" type="password" autocomplete="new-password" required hint="At least 12 characters." value={form.values.password} onValue={(v) => form.set('password', v)} error={form.errors.password} />
    <button type="submit" class="btn primary" aria-disabled={form.busy}>Create account</button>
    <p class="small muted">You have one? <a href="/app/signin">Sign in</a></p>
  </form></Gate>;
}

const words = (failure: ApiError): string => failure.code === 'email_taken' ? 'There is an account with this email address. Sign in instead.' : failure.message;
