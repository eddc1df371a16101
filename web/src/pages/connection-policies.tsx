// The restriction lists of the gateway: written, judged while they are written, saved with proof, tried on recorded mail.
import { useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api, ApiError } from '../lib/api';
import { bodyOf, differences, draftOf, type ListsDraft, type Running } from '../lib/lists-draft';
import { useLoad, useRest } from '../lib/load';
import { opensRelay, usePlan, type Plan } from '../lib/plan';
import { keepDraft, keptDraft } from '../lib/replay-draft';
import { fixOf, lists, offsetsOf, type Keyword, type Lint, type Mark } from '../lib/restrictions';
import { guardLeaving, navigate, query } from '../lib/router';
import { gateway, lookAtGateway, mayWrite } from '../lib/session';
import { many } from '../lib/format';
import { announce } from '../parts/announce';
import { Empty, Note, Page } from '../parts/basic';
import { Conflict } from '../parts/conflict';
import { Confirm } from '../parts/dialog';
import { Choices, SwitchField, TextField, useForm, type Form } from '../parts/form';
import { Icon } from '../parts/icon';
import { insertText, ListEditor } from '../parts/list-editor';
import { ListTag, Proof, Standing, Witness } from '../parts/lists-verdict';
import { BlastRadius, Sentence, WhatItChanges } from '../parts/plan';
import { actorNames, Revisions, sources } from '../parts/revisions';

const authParameter = 'smtpd_sasl_auth_enable';
const offersAuth = (parameters: { name: string; value: string }[]): boolean => parameters.some((p) => p.name.trim() === authParameter && p.value.trim() === 'yes');
const title = 'Connection policies';
const sub = 'Who this gateway serves at all. These lists run before any webhook’s policy.';

export default function ConnectionPolicies() {
  const running = useLoad('', (signal) => api.get('/connection-policies', { signal }));
  const keywords = useLoad('', (signal) => api.get('/connection-policies/keywords', { signal }));
  if (running.data && (keywords.data || keywords.error)) return <Editor key={running.data.revision} running={running.data} keywords={keywords.data?.data ?? []} onSaved={(now) => { running.set(now); requestAnimationFrame(() => document.querySelector<HTMLElement>('main h1')?.focus()); }} />;
  const error = running.error;
  if (!error) return <Page title={title} sub={sub}><p class="loading" role="status">Reading…</p></Page>;
  return <Page title={title} sub={sub}>{error.status === 403 ? <Empty title="For operators"><p>These lists judge the mail of all accounts. Its operators are named in <code>postern.toml</code>: <code>api.operators</code>.</p></Empty>
    : error.status === 503 ? <Empty title="This server runs without connection policies"><p>{error.message} Start it with <code>postern serve</code>; lists are set in <code>[restrictions]</code> of <code>postern.toml</code> or here.</p></Empty>
      : <Note tone="no" role="alert"><p>{error.message} <a href="/app/connection-policies" target="_self">Try again</a></p></Note>}</Page>;
}

interface Judged { lint: Lint; /** The draft that it was made for. */ lists: Record<string, string> }

/** The linter's answer: 150 ms after the last key; one to an older text is dropped. */
function useLint(form: Form<ListsDraft>, running: Running) {
  const judged = useSignal<Judged | null>(running.lint ? { lint: running.lint as unknown as Lint, lists: { ...running.lists } } : null);
  const trouble = useSignal(''), asked = useRef(0), said = useRef<ReturnType<typeof setTimeout>>(undefined), before = useRef(-1);
  const ask = async () => {
    if (!mayWrite.value) return;
    const mine = ++asked.current, { note: _, ...draft } = bodyOf(form.values, running), texts = { ...form.values.lists };
    try {
      const lint = await api.post('/connection-policies/lint', { body: draft }) as unknown as Lint;
      if (mine !== asked.current) return;
      judged.value = { lint, lists: texts };
      trouble.value = '';
    } catch (error) { if (mine === asked.current) trouble.value = error instanceof ApiError ? error.message : String(error); }
    clearTimeout(said.current);
    said.current = setTimeout(() => {
      const n = judged.peek()?.lint.marks.filter((m) => m.severity !== 'note').length ?? 0;
      if (n !== before.current && before.current >= 0) announce(n ? many(n, 'problem') : 'No problems');
      before.current = n;
    }, 1000);
  };
  useEffect(() => { void ask(); return () => clearTimeout(said.current); }, []);
  useRest(bodyOf(form.values, running), 150, () => void ask());
  return { judged: judged.value, trouble: trouble.value };
}

function Editor({ running, keywords, onSaved }: { running: Running; keywords: Keyword[]; onSaved: (now: Running) => void }) {
  const kept = query.value.get('draft') ? keptDraft() : null;
  // Without lists AUTH is offered; lists have Postfix's default, which is no. So the first lists begin with it.
  const form = useForm<ListsDraft>(draftOf(kept?.kind === 'lists' ? kept.body : running.enabled ? running : { ...running, parameters: { [authParameter]: 'yes' } }));
  const removing = useSignal(false);
  const revision = useSignal(running.revision ?? 0), conflict = useSignal<{ theirs: Running; who: string } | null>(null), refused = useSignal<{ draft: string; witness: string[] } | null>(null);
  const { judged, trouble } = useLint(form, running);
  const changed = form.dirty || kept !== null;
  const lint = judged?.lint ?? null;
  const { note: _, ...body } = bodyOf(form.values, running), draft = { connection_policies: body };
  const judgeable = mayWrite.value && changed && !!lint && JSON.stringify(judged?.lists) === JSON.stringify(form.values.lists) && !lint.marks.some((m) => m.severity === 'error') && !Object.values(lint.lists).some((l) => l.marks.some((m) => m.severity === 'error'));
  const planned = usePlan(body, judgeable, () => api.post('/plan', { body: { old: 'running', new: draft } }));
  const asking = useSignal<Plan | null>(null);
  const save = async (event: Event) => {
    event.preventDefault();
    refused.value = null;
    const found = await planned.now();
    if (found && opensRelay(found) && !found.guardrail_broken) asking.value = found; else await write();
  };
  const write = async () => {
    asking.value = null;
    const saved = await form.submit(async (values) => {
      try {
        const now = await api.put('/connection-policies', { body: bodyOf(values, running), version: revision.value });
        guardLeaving(null);
        announce(`Revision ${now.revision} runs`);
        void lookAtGateway();
        navigate('/app/connection-policies', 'replace');
        onSaved(now);
      } catch (error) {
        if (error instanceof ApiError) refused.value = { draft: JSON.stringify(values), witness: (error.body.witness as string[] | undefined) ?? [] };
        if (error instanceof ApiError && error.status === 412) conflict.value = await theirs();
        throw error;
      }
    });
    if (!saved) requestAnimationFrame(() => document.getElementById('refusal')?.focus());
  };
  const replay = () => { keepDraft({ kind: 'lists', revision: revision.value, body: bodyOf(form.values, running) }); guardLeaving(null); navigate('/app/replay'); };
  // What was refused speaks of that text alone.
  const refusal = form.failure && refused.value?.draft === JSON.stringify(form.values) ? refused.value : null;
  const witness = refusal?.witness.length ? refusal.witness : lint?.witness ?? [];
  const stays = revision.value ? `Revision ${revision.value} keeps running.` : 'Nothing changes: no lists run.';
  return <Page title={title} sub={sub} tag={<>{changed ? <span class="tag">Draft of revision {revision.value + 1}</span> : running.enabled ? <span class="tag">Revision {revision.value}</span> : <span class="tag">No lists run</span>}
    {running.enabled && running.source ? <span class="tag">{sources[running.source]}</span> : null}{running.mode === 'shadow' ? <span class="tag shadow"><Icon name="eye" />Shadow: refuses nothing</span> : null}</>}
    actions={mayWrite.value ? <>{running.enabled ? <button type="button" class="btn ghost danger" onClick={() => { removing.value = true; }}>Remove the lists…</button> : null}<button type="button" class="btn" onClick={replay}><Icon name="again" />Replay</button><button type="submit" form="lists" class="btn primary" aria-disabled={form.busy || undefined}>Save</button></> : null}>
    {conflict.value ? <Conflict who={conflict.value.who} version={`revision ${conflict.value.theirs.revision}`} rows={differences(form.values, draftOf(conflict.value.theirs))} onTheirs={() => { guardLeaving(null); onSaved(conflict.value!.theirs); }}
      onMine={() => { revision.value = conflict.value!.theirs.revision ?? 0; conflict.value = null; announce('Save writes yours now'); }} />
      : refusal && form.failure ? <Note tone="no" role="alert" id="refusal" tabIndex={-1}><strong>The lists were not saved.</strong> {form.failure.message} {form.failure.status === 409 || form.failure.status === 422 ? stays : ''}</Note>
        : lint && (running.enabled || changed) ? <Standing lint={lint} running={changed ? stays : ''} parameters={form.values.parameters} /> : null}
    {changed && !offersAuth(form.values.parameters) && (!running.enabled || offersAuth(draftOf(running).parameters)) ? <Note tone="wait" role="status"><p><strong>Saving switches SMTP AUTH off.</strong> Policies that require it then refuse all mail.{' '}
      <button type="button" class="linkish" onClick={() => { form.set('parameters', [...form.values.parameters.filter((p) => p.name.trim() !== authParameter), { name: authParameter, value: 'yes' }]); announce('SMTP AUTH stays on'); }}>Keep it on</button></p></Note> : null}
    {!running.enabled && !changed ? <Note><p>No lists run: every connection is served, and webhooks’ policies judge its mail. Write a list and save it, or put a section <code>[restrictions]</code> into <code>postern.toml</code>.</p></Note> : null}
    {running.source === 'file' && running.enabled ? <Note><p>These lists come from <code>postern.toml</code>. What is saved here runs in their place, until the file changes.</p></Note> : null}
    {trouble ? <Note tone="wait"><p>The linter is not available: {trouble}</p></Note> : null}
    {asking.value ? <Confirm title="Relay for more clients?" keep="Keep editing" act="Save anyway" busy={form.busy} onKeep={() => { asking.value = null; }} onAct={() => void write()}><Sentence plan={asking.value} /><BlastRadius draft={draft} /></Confirm> : null}
    {removing.value ? <Remove revision={revision.value} onKeep={() => { removing.value = false; }} onRemoved={(now) => { void lookAtGateway(); guardLeaving(null); onSaved(now); }} /> : null}
    <div class="cols">
      <div class="stack"><Lists form={form} judged={judged} keywords={keywords} onSubmit={(e) => void save(e)} />
        <Revisions running={running.revision ?? 0} onRolledBack={(now) => { void lookAtGateway(); guardLeaving(null); onSaved(now); }} /></div>
      <aside class="stack sticky" aria-label="Verdict">
        {judgeable ? <WhatItChanges planned={planned} draft={draft} /> : null}
        {witness.length && (refusal || lint?.open_relay !== 'no') ? <Witness lines={witness} keyed={!refusal && lint?.open_relay === 'keyed'} /> : null}
        {lint ? <Proof lint={lint} written={lists.map((l) => l.name).filter((name) => form.values.lists[name]?.trim())} parameters={form.values.parameters} keys={changed ? [] : [...new Set(gateway.value?.relay.keys ?? [])]} /> : null}
      </aside>
    </div>
  </Page>;
}

function Remove({ revision, onKeep, onRemoved }: { revision: number; onKeep: () => void; onRemoved: (now: Running) => void }) {
  const [busy, setBusy] = useState(false), [trouble, setTrouble] = useState('');
  const act = async () => {
    setBusy(true);
    try { const now = await api.delete('/connection-policies', { version: revision }); announce('No lists run'); onRemoved(now); } catch (error) { setTrouble(error instanceof ApiError ? error.message : String(error)); setBusy(false); }
  };
  return <Confirm title="Remove the lists?" keep="Keep them" act="Remove the lists" busy={busy} onKeep={onKeep} onAct={() => void act()}>
    <p>Every connection is then served, as before the first list was saved: policies of webhooks judge its mail, nothing is relayed, and SMTP AUTH is offered. The revisions stay, and each can run again.</p>
    {trouble ? <Note tone="no" role="alert"><p>{trouble}</p></Note> : null}</Confirm>;
}

async function theirs(): Promise<{ theirs: Running; who: string }> {
  const [now, names] = await Promise.all([api.get('/connection-policies'), actorNames()]);
  return { theirs: now, who: now.actor ? names.get(now.actor) ?? '' : now.source === 'file' ? 'The configuration file' : '' };
}

function Lists({ form, judged, keywords, onSubmit }: { form: Form<ListsDraft>; judged: Judged | null; keywords: Keyword[]; onSubmit: (e: Event) => void }) {
  const byName = useMemo(() => new Map(keywords.map((k) => [k.name, k])), [keywords]);
  const classText = form.values.parameters.find((p) => p.name.trim() === 'smtpd_restriction_classes')?.value ?? '';
  const classes = useMemo(() => new Set(classText.split(/[\s,]+/).filter(Boolean)), [classText]);
  const one = (l: (typeof lists)[number]) => {
    const text = form.values.lists[l.name] ?? '', state = judged?.lint.lists[l.name], marks = state?.marks ?? [];
    const shown = text.trim() ? marks : marks.filter((m) => m.severity !== 'note');
    return <div class="rule" key={l.name}>
      <div class="head"><div><h2><label for={`f-lists.${l.name}`}>{l.title}</label></h2><p class="muted small">{l.says}</p></div><div><ListTag lint={judged?.lint ?? null} list={l.name} text={text} /></div></div>
      <ListEditor list={l.name} text={text} onText={(t) => form.set('lists', { ...form.values.lists, [l.name]: t })} linted={judged?.lists[l.name] ?? ''} marks={text.trim() ? marks : []} keywords={keywords} byName={byName} classes={classes}
        placeholder={state?.in_effect && !text ? `default: ${state.in_effect}` : 'empty: asks nothing'} readOnly={!mayWrite.value} describedBy={`lint-${l.name}`} />
      <Marks id={`lint-${l.name}`} field={`f-lists.${l.name}`} text={text} fresh={(judged?.lists[l.name] ?? '') === text} marks={shown} known={(w) => byName.has(w.toLowerCase()) || classes.has(w)} />
    </div>;
  };
  const folded = lists.filter((l) => !l.first);
  const used = folded.filter((l) => form.values.lists[l.name]?.trim());
  const [unfolded] = useState(used.length > 0);  // as it was found: what is typed does not fold it
  return <form class="card" id="lists" novalidate aria-label="Restriction lists" onSubmit={onSubmit}>
    {lists.filter((l) => l.first).map(one)}
    <details class="rule folded" open={unfolded}><summary>Client, relay, data and other lists <span class="muted small">{used.length ? many(used.length, 'list') + ' written' : 'all as by default'}</span></summary>{folded.map(one)}</details>
    <Parameters form={form} marks={judged?.lint.marks.filter((m) => m.list === null) ?? []} />
    <div class="rule"><Choices legend="Mode" name="mode" value={form.values.mode} onValue={(v) => form.set('mode', v as ListsDraft['mode'])} options={[
      { value: 'enforce', name: 'Enforce', hint: 'Refuses what the lists refuse.' }, { value: 'shadow', name: 'Shadow', hint: 'Refuses nothing: traces show what they would have done.' }]} />
      <SwitchField label="Require complete lists" name="require_complete_lists" hint="A list that does not decide every request is an error." on={form.values.require_complete_lists} onSwitch={(on) => form.set('require_complete_lists', on)} />
      <SwitchField label="Defer on rules with an error" name="errors" hint="Postfix answers 451 where a rule is broken; otherwise such lists cannot be saved." on={form.values.errors === 'defer'} onSwitch={(on) => form.set('errors', on ? 'defer' : 'refuse')} error={form.errors.errors} />
      <TextField label="Note" name="note" optional hint="The reason, for the history." maxLength={500} value={form.values.note} onValue={(v) => form.set('note', v)} error={form.errors.note} /></div>
  </form>;
}

const tones: Record<Mark['severity'], { tone: string; icon: 'cross' | 'warning' | 'info'; word: string }> = { error: { tone: 'no', icon: 'cross', word: 'Error' }, warning: { tone: 'wait', icon: 'warning', word: 'Warning' }, note: { tone: 'info', icon: 'info', word: 'Note' } };

function Marks({ id, field, text, fresh, marks, known }: { id: string; field: string; text: string; fresh: boolean; marks: Mark[]; known: (word: string) => boolean }) {
  const area = () => document.getElementById(field) as HTMLTextAreaElement;
  const order = [...marks].sort((a, b) => a.line - b.line || a.column - b.column);
  return <ul class="lint" id={id}>{order.map((m, i) => {
    const { tone, icon, word } = tones[m.severity], fix = fresh && text.trim() && mayWrite.value ? fixOf(text, m, known) : null;
    const go = () => { const { start, end } = offsetsOf(text, m); area().focus(); area().setSelectionRange(start, end); };
    return <li class={tone} key={`${m.code}${m.line}:${m.column}${i}`}><Icon name={icon} />{text.trim() ? <button type="button" class="pos" onClick={go}><span class="vh">Go to </span>{m.line}:{m.column}</button> : <span class="pos">–</span>}
      <span><span class="vh">{word}: </span>{m.text}{m.hint ? <>; <span class="muted">{m.hint}</span></> : null}{fix ? <> <button type="button" class="linkish" onClick={() => { insertText(area(), fix.start, fix.end, fix.text); announce(fix.name); }}>{fix.name}</button></> : null}</span></li>;
  })}</ul>;
}

function Parameters({ form, marks }: { form: Form<ListsDraft>; marks: Mark[] }) {
  const rows = form.values.parameters;
  const set = (i: number, part: Partial<{ name: string; value: string }>) => form.set('parameters', rows.map((r, n) => n === i ? { ...r, ...part } : r));
  const add = () => { form.set('parameters', [...rows, { name: '', value: '' }]); requestAnimationFrame(() => document.getElementById(`f-parameter-${rows.length}`)?.focus()); };
  return <div class="rule"><div class="head"><div><h2>Parameters</h2><p class="muted small">What the lists ask about: <code>mynetworks</code>, <code>mydestination</code>, <code>relay_domains</code>, classes, reply codes.</p></div></div>
    {rows.map((r, i) => {
      const own = marks.filter((m) => m.parameter === r.name.trim());
      return <div key={i} class="stack gap-s"><div class="parameter">
        <input type="text" id={`f-parameter-${i}`} class="mono" aria-label={`Parameter ${i + 1}`} spellcheck={false} value={r.name} readOnly={!mayWrite.value} onInput={(e) => set(i, { name: e.currentTarget.value })} /><span aria-hidden="true">=</span>
        <input type="text" id={`f-parameter-value-${i}`} class="mono" aria-label={`Value of ${r.name || `parameter ${i + 1}`}`} spellcheck={false} value={r.value} readOnly={!mayWrite.value} aria-invalid={own.some((m) => m.severity === 'error') ? 'true' : undefined} aria-describedby={own.length ? `lint-p${i}` : undefined} onInput={(e) => set(i, { value: e.currentTarget.value })} />
        {mayWrite.value ? <button type="button" class="btn ghost icon" aria-label={`Remove ${r.name || `parameter ${i + 1}`}`} onClick={() => { form.set('parameters', rows.filter((_, n) => n !== i)); document.getElementById('add-parameter')?.focus(); }}><Icon name="bin" /></button> : null}</div>
        {own.length ? <ul class="lint" id={`lint-p${i}`}>{own.map((m) => <li class={tones[m.severity].tone} key={m.code + m.column}><Icon name={tones[m.severity].icon} /><span class="pos">{m.line}:{m.column}</span><span><span class="vh">{tones[m.severity].word}: </span>{m.text}{m.hint ? <>; <span class="muted">{m.hint}</span></> : null}</span></li>)}</ul> : null}</div>;
    })}
    {rows.length ? null : <p class="small muted">All as by default.</p>}
    {mayWrite.value ? <div><button type="button" class="btn sm" id="add-parameter" onClick={add}>Add parameter</button></div> : null}
  </div>;
}
