// Sign in: e-mail and password, then the code of the second factor where it is on. Errors never say which half was wrong.
import { useState } from 'preact/hooks';
import { request } from '../lib/api';
import { navigate, query } from '../lib/router';
import { resume } from '../lib/session';
import { Note } from '../parts/basic';
import { TextField, useForm } from '../parts/form';
import { Gate, PhoneBrand } from '../parts/gate';

/** Where to go then: a path of these pages and nothing else. */
export function destination(): string {
  // Resolved first: dots in it could lead out of /app/.
  const given = query.value.get('next') ?? '', next = URL.canParse(given, location.origin) ? new URL(given, location.origin) : null;
  return next?.origin === location.origin && next.pathname.startsWith('/app/') && !/^\/app\/(sign|reset)/.test(next.pathname) ? next.pathname + next.search : '/app/webhooks';
}

export async function enter(): Promise<void> {
  await resume();
  navigate(destination(), 'replace');
}

export default function SignIn() {
  const [challenge, setChallenge] = useState<string | null>(null);
  return <Gate>{challenge ? <SecondStep token={challenge} onBack={() => setChallenge(null)} /> : <FirstStep onChallenge={setChallenge} />}</Gate>;
}

function FirstStep({ onChallenge }: { onChallenge: (token: string) => void }) {
  const form = useForm({ email: '', password: '' }, { guard: false });
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async (values) => {
      const answer = await request('POST', '/app/session', { body: values }) as { totp_required?: boolean; totp_token?: string };
      if (answer.totp_required) onChallenge(answer.totp_token!); else await enter();
    });
  };
  return <form onSubmit={save}>
    <PhoneBrand />
    <div><h1 tabIndex={-1}>Sign in</h1><p class="sub">{location.host}</p></div>
    {query.value.get('done') === 'reset' ? <Note tone="ok"><p>Your new password is set. Sign in with it.</p></Note> : null}
    {form.failure ? <Note tone="no" role="alert"><p>{form.failure.code === 'invalid_credentials' ? 'Email or password is wrong.' : form.failure.message}</p></Note> : null}
    <TextField label="Email" name="email" type="email" autocomplete="username" required value={form.values.email} onValue={(v) => form.set('email', v)} error={form.errors.email} />
    <TextField label="Password" name="password" type="password" autocomplete="current-password" required value={form.values.password} onValue={(v) => form.set('password', v)} error={form.errors.password} />
    <button type="submit" class="btn primary">Sign in</button>
    <p class="small muted">New here? <a href="/app/signup">Create an account</a><br />Lost your password? An owner of your account can make a link for a new one, and so can the operator of this server: <code>postern passwd</code>.</p>
  </form>;
}

function SecondStep({ token, onBack }: { token: string; onBack: () => void }) {
  const form = useForm({ code: '' }, { guard: false });
  const save = (event: Event) => {
    event.preventDefault();
    void form.submit(async ({ code }) => {
      await request('POST', '/app/session/2fa', { body: { totp_token: token, code: code.trim() } });
      await enter();
    });
  };
  return <form onSubmit={save}>
    <PhoneBrand />
    <div><h1 tabIndex={-1}>Second step</h1><p class="sub">The code that your authenticator shows now, or one of your recovery codes.</p></div>
    {form.failure ? <Note tone="no" role="alert"><p>{form.failure.message}</p></Note> : null}
    <TextField label="Code" name="code" mono autocomplete="one-time-code" required value={form.values.code} onValue={(v) => form.set('code', v)} error={form.errors.code} />
    <button type="submit" class="btn primary">Continue</button>
    <button type="button" class="btn ghost" onClick={onBack}>Start again</button>
  </form>;
}
