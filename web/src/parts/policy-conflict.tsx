// Somebody else saved the policy meanwhile: both texts side by side, and nothing is overwritten.
import { useEffect, useRef } from 'preact/hooks';
import { draftOf, labels, type Draft, type Policy } from '../lib/policy-draft';
import { Card, Note } from './basic';

export interface Conflict { theirs: Policy; who: string }

const shown = (value: unknown): string => value === true ? 'on' : value === false ? 'off' : String(value);
function rows(mine: Draft, theirs: Draft): { field: string; name: string; mine: string; theirs: string }[] {
  const users = (d: Draft) => [...d.users.map((u) => u.username + (u.password === undefined ? '' : ' (new password)')), ...d.htpasswd.split('\n').filter(Boolean).map((l) => l.split(':')[0])].join('\n');
  const { users: _, htpasswd: __, ...plain } = mine;
  return [...Object.keys(plain).map((field) => ({ field, name: labels[field] ?? field, mine: shown(mine[field as keyof Draft]), theirs: shown(theirs[field as keyof Draft]) })),
    { field: 'users', name: 'SMTP users', mine: users(mine), theirs: users(theirs) }].filter((r) => r.mine.trim() !== r.theirs.trim());
}

export function PolicyConflict({ conflict, mine, onTheirs, onMine }: { conflict: Conflict; mine: Draft; onTheirs: () => void; onMine: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector<HTMLElement>('.note')?.focus(), []);
  const differing = rows(mine, draftOf(conflict.theirs));
  const version = conflict.theirs.version;
  return <div ref={box} class="stack">
    <Note tone="wait" role="alert" tabIndex={-1}><strong>{conflict.who || 'Somebody else'} saved version {version} while you were editing.</strong> <a href="#differs" onClick={(e) => { e.preventDefault(); document.getElementById('differs')?.focus(); }}>See what differs.</a> Nothing is overwritten.</Note>
    <Card plain title={<span id="differs" tabIndex={-1}>What differs</span>} footer={<span class="actions"><button type="button" class="btn" onClick={onTheirs}>Take version {version}</button><button type="button" class="btn" onClick={onMine}>Go on with mine</button></span>}>
      {differing.length ? <div class="table-wrap"><table class="fold"><caption class="vh">Fields that differ</caption><thead><tr><th scope="col">Field</th><th scope="col">Version {version}</th><th scope="col">Yours</th></tr></thead>
        <tbody>{differing.map((r) => <tr key={r.field}><th scope="row">{r.name}</th><td class="wide mono lines" data-l={`Version ${version}`}>{r.theirs || <span class="muted">empty</span>}</td><td class="wide mono lines" data-l="Yours">{r.mine || <span class="muted">empty</span>}</td></tr>)}</tbody></table></div>
        : <div class="body"><p>Both texts are the same.</p></div>}
    </Card>
  </div>;
}
