// Every state of the lists that ever ran; an old one can run again.
import { useState } from 'preact/hooks';
import { api, ApiError, request } from '../lib/api';
import { titleOf } from '../lib/restrictions';
import { useLoad } from '../lib/load';
import type { Running } from '../lib/lists-draft';
import { query, withQuery } from '../lib/router';
import { mayWrite, me } from '../lib/session';
import { announce } from './announce';
import { At, Card, Note, Pager } from './basic';
import { Confirm } from './dialog';
import { Sentence } from './plan';

export interface Revision { revision: number; source: 'file' | 'api' | 'rollback' | null; actor: string | null; note: string; created_at?: string }
export const sources: Record<string, string> = { file: 'postern.toml', api: 'set through the API', rollback: 'rolled back' };

/** The names behind account and token ids, as far as the audit log of this account knows them. */
export async function actorNames(): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  const log = await api.get('/accounts/me/audit-log', { query: { limit: 200 } }).catch(() => null);
  for (const e of log?.data ?? []) if (e.actor && e.actor_name) names.set(e.actor, e.actor_name);
  if (me.value) names.set(me.value.id, me.value.email);
  return names;
}

export function Revisions({ running, onRolledBack }: { running: number; onRolledBack: (now: Running) => void }) {
  const page = Number(query.value.get('page') ?? '1') || 1;
  const list = useLoad(`${running}|${page}`, async (signal) => {
    const [revisions, names] = await Promise.all([request('GET', `/api/v1/connection-policies/revisions?page=${page}&page_size=20`, { signal }) as Promise<{ data: Revision[]; total: number }>, actorNames()]);
    return { ...revisions, names };
  });
  const [chosen, setChosen] = useState<Revision | null>(null);
  const rows = list.data?.data ?? [];
  if (list.error) return <Note tone="no"><p>{list.error.message}</p></Note>;
  if (!rows.length) return null;
  const more = list.data!.total > page * 20;
  return <Card plain title="Revisions">
    <div class="table-wrap"><table class="fold"><caption class="vh">Revisions of the lists, newest first</caption><thead><tr><th scope="col">Revision</th><th scope="col">When</th><th scope="col">Who</th><th scope="col">Note</th><th scope="col"><span class="vh">Actions</span></th></tr></thead>
      <tbody>{rows.map((r) => <tr key={r.revision}><td class="num nowrap" data-l="Revision">{r.revision} {r.revision === running ? <span class="tag">running</span> : null}</td><td class="nowrap" data-l="When">{r.created_at ? <At at={r.created_at} /> : '–'}</td>
        <td class="wide">{r.actor ? list.data!.names.get(r.actor) ?? <span class="mono">{r.actor}</span> : sources[r.source ?? ''] ?? '–'}{r.actor && r.source === 'rollback' ? <span class="sub">rolled back</span> : null}</td><td class="wide note-cell">{r.note || <span class="muted">–</span>}</td>
        <td class="r">{mayWrite.value && r.revision !== running ? <button type="button" class="btn sm" aria-label={`Roll back to revision ${r.revision}`} onClick={() => setChosen(r)}>Roll back</button> : null}</td></tr>)}</tbody></table></div>
    {page > 1 || more ? <Pager next={more ? withQuery({ page: String(page + 1) }) : null} first={page > 1 ? withQuery({ page: null }) : null} shown={rows.length} word="revisions" /> : null}
    {chosen ? <RollBack to={chosen} running={running} onKeep={() => setChosen(null)} onDone={(now) => { setChosen(null); onRolledBack(now); }} /> : null}
  </Card>;
}

function RollBack({ to, running, onKeep, onDone }: { to: Revision; running: number; onKeep: () => void; onDone: (now: Running) => void }) {
  const [busy, setBusy] = useState(false), [trouble, setTrouble] = useState('');
  const then = useLoad(String(to.revision), (signal) => api.get('/connection-policies/revisions/{id}', { path: { id: String(to.revision) }, signal }));
  const lists = Object.entries(then.data?.lists ?? {});
  const plan = useLoad(String(to.revision), () => api.post('/plan', { body: { old: 'running', new: { revision: to.revision } } }));
  const act = async () => {
    setBusy(true);
    try {
      const now = await api.post('/connection-policies/rollback', { body: { revision: to.revision }, version: running });
      announce(`Revision ${now.revision} runs`);
      onDone(now);
    } catch (error) { setTrouble(error instanceof ApiError ? error.message : String(error)); setBusy(false); }
  };
  return <Confirm title={`Run revision ${to.revision} again?`} keep={`Keep revision ${running}`} act="Roll back" harmless busy={busy} onKeep={onKeep} onAct={() => void act()}>
    <p>It becomes revision {running + 1} and is in force from the next command on.</p>
    {plan.data ? <Sentence plan={plan.data} /> : <p class="muted small" role="status">{plan.error ? plan.error.message : 'Comparing with what runs…'}</p>}
    {lists.length ? <div class="scroll" tabIndex={0} role="region" aria-label={`Lists of revision ${to.revision}`}><dl class="facts">{lists.map(([name, text]) => <><dt key={name}>{titleOf(name)}</dt><dd class="mono lines">{text}</dd></>)}</dl></div>
      : then.data ? <p class="muted">It has no lists.</p> : <p class="muted" role="status">{then.error?.message ?? 'Reading…'}</p>}
    {trouble ? <Note tone="no" role="alert"><p>{trouble}</p></Note> : null}
  </Confirm>;
}
