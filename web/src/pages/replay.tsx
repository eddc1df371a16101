// A draft of the lists or of a policy on mail that already came: start, progress, result, and taking the draft.
import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { api, ApiError, request, type Schemas } from '../lib/api';
import { exact, many, took } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { inWords, labelOf, labels } from '../lib/labels';
import { forgetDraft, keepReplayOf, keptDraft, lineChanges, replayOf, type DraftChange, type ReplayDraft } from '../lib/replay-draft';
import type { Result } from '../lib/replay-result';
import { elements, lists } from '../lib/restrictions';
import { navigate, query, setQuery, withQuery } from '../lib/router';
import { lookAtGateway, mayWrite } from '../lib/session';
import { announce } from '../parts/announce';
import { At, Card, Empty, Note, Page } from '../parts/basic';
import { Confirm } from '../parts/dialog';
import { Icon } from '../parts/icon';
import { AskedNow, HardestHit, Matrix, Numbers, Samples, Undecidable } from '../parts/replay-result';

type State = Omit<Schemas['Replay'], 'result'> & { result?: Result };
const windows = [['24h', 'Last 24 hours'], ['7d', 'Last 7 days'], ['30d', 'Last 30 days']] as const;
const sub = 'What the draft would have done to mail that has already arrived, decided again from the recorded evidence.';
const nameOf = (d: ReplayDraft): string => d.kind === 'lists' ? `Draft of revision ${d.revision + 1}` : `Draft of ${d.name}, based on version ${d.version}`;
const editorOf = (d: ReplayDraft): string => d.kind === 'lists' ? '/app/connection-policies?draft=1' : `/app/smtp-policies/${d.id}/edit?draft=1`;

export default function Replay() {
  const draft = keptDraft(), id = query.value.get('id') ?? '', since = query.value.get('since') ?? '7d';
  const state = useLoad<State | null>(id, async (signal) => id ? await api.get('/replay/{id}', { path: { id }, signal }) as unknown as State : null);
  const earlier = useLoad(`${id}|${state.data?.status ?? ''}`, (signal) => request('GET', '/api/v1/replay', { signal }) as Promise<{ data: State[] }>);
  const trouble = useSignal<ApiError | null>(null), [asking, setAsking] = useState(false);
  const running = state.data?.status === 'running';
  useEvery(1000, () => { if (running) void state.reload(); });
  useEffect(() => { if (state.data?.status === 'done') announce('The replay is done'); }, [state.data?.status]);
  const start = async () => {
    if (!draft) return;
    trouble.value = null;
    const body: Schemas['ReplayStart'] = { since, samples: 200, draft: draft.kind === 'lists' ? { connection_policies: draft.body } : { smtp_policies: { [draft.id]: draft.body } } };
    try {
      const started = await api.post('/replay', { body });
      keepReplayOf(started.id!);
      setQuery({ id: started.id!, since }, 'replace');
    } catch (error) { trouble.value = error instanceof ApiError ? error : new ApiError(0, 'page', String(error)); }
  };
  const stop = () => void api.delete('/replay/{id}', { path: { id } }).then(state.reload, (error) => { trouble.value = error as ApiError; });
  const result = state.data?.result, own = draft !== null && id !== '' && replayOf() === id;
  const mine = own && state.data?.status === 'done' && !!result;
  return <Page title="Replay" sub={sub} tag={draft ? <span class="tag">{nameOf(draft)}</span> : null}
    actions={draft && mayWrite.value ? <><a class="btn" href={editorOf(draft)}>Edit draft</a>{mine ? <button type="button" class="btn primary" onClick={() => setAsking(true)}>Apply draft</button> : null}</> : null}>
    {draft ? <form class="filters" aria-label="Replay" onSubmit={(e) => { e.preventDefault(); void start(); }}>
      <label class="vh" for="since">Window</label><select id="since" class="inline-sel" value={since} onChange={(e) => setQuery({ since: e.currentTarget.value }, 'replace')}>{windows.map(([value, name]) => <option key={value} value={value}>{name}</option>)}</select>
      {mayWrite.value ? running ? <button type="button" class="btn" onClick={stop}>Stop</button> : <button type="submit" class="btn"><Icon name="again" />{mine ? 'Run again' : 'Run'}</button> : null}
      {result ? <span class="muted small push">{many(result.transactions, 'message')} in {took(Number(state.data!.seconds ?? 0) * 1e9)}</span> : null}
    </form> : id ? null : <NoDraft />}
    {trouble.value ? <Note tone="no" role="alert"><strong>The replay was not started.</strong> {trouble.value.message}{Object.entries(trouble.value.fields).map(([field, words]) => <p key={field} class="small">{labelOf(field)}: {inWords(words)}</p>)}
      {trouble.value.status === 409 && earlier.data?.data[0] ? <p><a href={withQuery({ id: earlier.data.data[0].id! })}>Look at the one that runs</a></p> : null}</Note> : null}
    {state.error ? <Note tone="no" role="alert"><p>{state.error.status === 403 ? 'Only operators of this gateway replay mail.' : state.error.message} {state.error.status === 404 ? 'Replays are kept until the gateway ends, the last twenty of them.' : ''}</p></Note> : null}
    {running ? <Progress state={state.data!} onStop={draft ? null : stop} /> : null}
    {state.data?.status === 'failed' ? <Note tone="no" role="alert"><strong>The replay failed.</strong> {state.data.error}</Note> : null}
    {state.data?.status === 'stopped' ? <Note tone="wait"><p>Stopped after {many(state.data.done ?? 0, 'message')}.</p></Note> : null}
    {result && !own ? <Note><p>An earlier replay. Its draft is not kept here, so it cannot be applied.</p></Note> : null}
    {result ? result.transactions === 0 ? <Empty title="Replay needs recorded mail"><p>None was recorded in this window. Mail is recorded as it arrives: send some, or choose a longer window.</p></Empty> : <>
      <Numbers result={result} />
      <AskedNow result={result} />
      <div class="cols"><div class="stack"><Samples kind="newly_refused" result={result} /><Samples kind="newly_accepted" result={result} /><Samples kind="changed" result={result} /><Undecidable result={result} />
        {result.counts.same === result.decisions ? <Note tone="ok"><p>Nothing would change.</p></Note> : null}</div>
        <aside class="stack" aria-label="Summary"><HardestHit result={result} /><Matrix result={result} />{draft && (own || !id) ? <WhatChanged draft={draft} /> : null}</aside></div>
    </> : draft && !running && !state.data ? <div class="cols"><Note><p>The draft is ready. Choose a window and press <b>Run</b>: nothing is sent or stored. DNS is asked now for what the records lack.</p></Note><aside class="stack" aria-label="Summary"><WhatChanged draft={draft} /></aside></div> : null}
    <Earlier rows={earlier.data?.data ?? []} shown={id} />
    {asking && draft && result ? <Apply draft={draft} result={result} onKeep={() => setAsking(false)} /> : null}
  </Page>;
}

/** Where drafts are made. */
function NoDraft() {
  const policies = useLoad('policies', (signal) => api.get('/smtp-policies', { query: { limit: 6 }, signal }));
  return <Empty title="Nothing to try yet"><p>Replay decides recorded mail again by a draft. Change something, then press <b>Replay</b> there; nothing is saved by that.</p>
    <div class="actions"><a class="btn primary" href="/app/connection-policies">Edit the connection policies</a>{policies.data?.data.length ? null : <a class="btn" href="/app/smtp-policies/new">Create a policy</a>}</div>
    {policies.data?.data.length ? <p>Or a policy: {policies.data.data.map((p, i) => <span key={p.id}>{i ? ', ' : ''}<a href={`/app/smtp-policies/${p.id}/edit`}>{p.name}</a></span>)}{policies.data.next ? <>, <a href="/app/smtp-policies">all policies</a></> : null}.</p> : null}</Empty>;
}

function Progress({ state, onStop }: { state: State; onStop: (() => void) | null }) {
  const done = state.done ?? 0, all = state.all ?? 0;
  return <section class="card" aria-label="Progress"><div class="body stack gap-s"><label for="progress">{all ? `${exact(done)} of ${many(all, 'message')}` : 'Counting the records…'}</label>
    <progress id="progress" class="progress" max={all || undefined} value={all ? done : undefined} />{onStop && mayWrite.value ? <div><button type="button" class="btn" onClick={onStop}>Stop</button></div> : null}</div></section>;
}

/** The draft against what is stored, line by line. */
async function changesOf(draft: ReplayDraft, signal: AbortSignal): Promise<DraftChange[]> {
  const facts = (from: object) => Object.entries(from).map(([name, value]) => `${name} = ${Array.isArray(value) ? value.join(',') : String(value)}`);
  const plain = (line: string) => line;
  if (draft.kind === 'policy') {
    const stored = await api.get('/smtp-policies/{id}', { path: { id: draft.id }, signal });
    const split = (value: unknown) => Array.isArray(value) ? value.map(String) : String(value ?? '').split(',').filter(Boolean);
    const shown = (value: unknown) => value === true ? ['on'] : value === false ? ['off'] : split(value);
    return Object.entries(draft.body).flatMap(([name, value]) => lineChanges(shown(stored[name as keyof typeof stored]), shown(value), (line) => `${labels[name] ?? name}: ${line}`));
  }
  const { note: _, lists: own, parameters, ...rest } = draft.body;
  const now = await api.get('/connection-policies', { signal });
  const title = (name: string) => (lists.find((l) => l.name === name)?.title ?? name).replace(' Restrictions', '');
  const names = [...new Set([...Object.keys(own ?? {}), ...Object.keys(now.lists ?? {})])];
  return [...names.flatMap((name) => lineChanges(elements(now.lists?.[name] ?? ''), elements(own?.[name] ?? ''), (line) => `${title(name)}: ${line}`)),
    ...lineChanges(facts(now.parameters ?? {}), facts(parameters ?? {}), plain), ...lineChanges(facts({ mode: now.mode, errors: now.errors, require_complete_lists: now.require_complete_lists }), facts(rest), plain)];
}

function WhatChanged({ draft }: { draft: ReplayDraft }) {
  const changes = useLoad(JSON.stringify(draft), (signal) => changesOf(draft, signal));
  return <Card plain title="What changed">{changes.error ? <div class="body"><p>{changes.error.message}</p></div> : changes.data?.length
    ? <ul class="diff">{changes.data.map((c) => <li class={c.is} key={c.is + c.text}><span class="vh">{c.is === 'add' ? 'Added: ' : 'Removed: '}</span>{c.text}</li>)}</ul>
    : <div class="body"><p class="muted small">{changes.data ? 'Nothing: the draft is what runs.' : 'Reading…'}</p></div>}</Card>;
}

function Earlier({ rows, shown }: { rows: State[]; shown: string }) {
  const others = rows.filter((r) => r.id !== shown);
  if (!others.length) return null;
  return <Card plain title="Earlier replays"><div class="table-wrap"><table class="fold"><caption class="vh">Replays since the gateway began, newest first</caption><thead><tr><th scope="col">Begun</th><th scope="col">Status</th><th scope="col" class="r">Messages</th><th scope="col" class="r">Took</th></tr></thead>
    <tbody>{others.map((r) => <tr key={r.id}><td><a class="name" href={withQuery({ id: r.id! })}><At at={r.created_at!} /></a></td><td data-l="Status">{r.status}</td><td class="r" data-l="Messages">{exact(r.done ?? 0)}</td><td class="r" data-l="Took">{r.seconds === undefined ? '–' : took(r.seconds * 1e9)}</td></tr>)}</tbody></table></div></Card>;
}

function Apply({ draft, result, onKeep }: { draft: ReplayDraft; result: Result; onKeep: () => void }) {
  const [busy, setBusy] = useState(false), trouble = useSignal<ApiError | null>(null);
  const { newly_refused, newly_accepted, undecidable } = result.counts;
  const act = async () => {
    setBusy(true);
    try {
      if (draft.kind === 'lists') { await api.put('/connection-policies', { body: draft.body, version: draft.revision }); void lookAtGateway(); }
      else await api.put('/smtp-policies/{id}', { path: { id: draft.id }, body: draft.body, version: draft.version });
      forgetDraft();
      announce('The draft runs');
      navigate(draft.kind === 'lists' ? '/app/connection-policies' : `/app/smtp-policies/${draft.id}`);
    } catch (error) { trouble.value = error instanceof ApiError ? error : new ApiError(0, 'page', String(error)); setBusy(false); }
  };
  const witness = trouble.value?.body.witness as string[] | undefined;
  return <Confirm title="Apply the draft?" keep="Not yet" act="Apply" harmless busy={busy} onKeep={onKeep} onAct={() => void act()}>
    <p>In this window it would have refused <b class="num">{exact(newly_refused)}</b> more, accepted <b class="num">{exact(newly_accepted)}</b> more, and could not tell <b class="num">{exact(undecidable)}</b> of {many(result.decisions, 'decision')}.</p>
    <p class="small muted">It is in force from the next command of every session.</p>
    {trouble.value ? <Note tone="no" role="alert"><p>{trouble.value.status === 412 ? 'Another user saved in the meantime: this draft is based on an older state. Go to Edit draft.' : trouble.value.message}</p>{witness ? <pre class="term">{witness.join('\n')}</pre> : null}</Note> : null}
  </Confirm>;
}
