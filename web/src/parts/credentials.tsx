// The users of a policy: stored ones as a table, new ones with a password that the server hashes, many at once as htpasswd lines.
import { useRef, useState } from 'preact/hooks';
import type { User } from '../lib/policy-draft';
import { announce } from './announce';
import { AreaField } from './form';
import { Icon } from './icon';

export interface CredentialsProps {
  users: User[];
  onUsers: (users: User[]) => void;
  pending: { username: string; password: string };
  onPending: (pending: { username: string; password: string }) => void;
  htpasswd: string;
  onHtpasswd: (text: string) => void;
  onBlur: () => void;
  error?: string;
}

function Users({ users, onRemove }: { users: User[]; onRemove: (user: User) => void }) {
  return <table><caption class="vh">SMTP users of this policy</caption><thead><tr><th scope="col">User</th><th scope="col">Stored as</th><th scope="col"><span class="vh">Actions</span></th></tr></thead>
    <tbody>{users.map((u) => <tr key={u.username}><td class="mono">{u.username}</td>
      <td class="muted">{u.password !== undefined ? <>hashed on save <span class="tag">new</span></> : u.cost ? `bcrypt, cost ${u.cost}` : 'bcrypt'}</td>
      <td class="r"><button type="button" class="btn ghost sm icon" aria-label={`Remove ${u.username}`} onClick={() => onRemove(u)}><Icon name="bin" /></button></td></tr>)}</tbody></table>;
}

export function Credentials({ users, onUsers, pending, onPending, htpasswd, onHtpasswd, onBlur, error }: CredentialsProps) {
  const [lack, setLack] = useState('');
  const first = useRef<HTMLInputElement>(null);
  const add = () => {
    const name = pending.username.trim(), { password } = pending;
    if (!name || !password) { setLack(name ? 'A new user needs a password.' : 'A new user needs a name.'); first.current?.focus(); return; }
    onUsers([...users.filter((u) => u.username !== name), { username: name, password }]);
    announce(`${name} added; save to keep it`);
    onPending({ username: '', password: '' });
    setLack('');
    first.current?.focus();
  };
  const onKey = (e: KeyboardEvent) => { if (e.key === 'Enter' && !e.ctrlKey && !e.metaKey) { e.preventDefault(); add(); } };
  const remove = (gone: User) => { onUsers(users.filter((u) => u !== gone)); announce(`${gone.username} removed; save to make it so`); first.current?.focus(); };
  return <>
    {users.length ? <Users users={users} onRemove={remove} /> : null}
    <div class="add-row">
      <div class="field"><label for="f-new-user">User</label><input ref={first} id="f-new-user" class="mono" type="text" autocomplete="off" spellcheck={false} maxLength={128} value={pending.username} aria-describedby={lack ? 'f-new-user-e' : undefined} onInput={(e) => onPending({ ...pending, username: e.currentTarget.value })} onKeyDown={onKey} /></div>
      <div class="field"><label for="f-new-password">Password</label><input id="f-new-password" type="password" autocomplete="new-password" maxLength={72} value={pending.password} onInput={(e) => onPending({ ...pending, password: e.currentTarget.value })} onKeyDown={onKey} /></div>
      <button type="button" class="btn" onClick={add}>Add user</button>
    </div>
    {lack ? <p class="small" role="status" id="f-new-user-e">{lack}</p> : null}
    <AreaField label="SMTP credentials" name="smtp_credentials" optional="from htpasswd, one user:hash per line" rows={2} placeholder="sender2:$2y$12$…" hint="Passwords are hashed on the server and never shown again."
      value={htpasswd} onValue={onHtpasswd} onBlur={onBlur} error={error} />
  </>;
}
