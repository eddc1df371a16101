// The form of a policy, new or stored: what it means is said beside it while it is typed, in the server's words, and it can be tried before it is saved.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { PageProps } from '../main';
import { api, ApiError, sentence, type Schemas } from '../lib/api';
import { controls, type Control } from '../lib/controls';
import { labelOf } from '../lib/labels';
import { useLoad, useRest } from '../lib/load';
import { bodyOf, differences, draftAgain, draftOf, emptyDraft, labels, faultsOf, replayBody, saidInForm, typedText, type Draft, type FlagField, type ListField, type Policy } from '../lib/policy-draft';
import { fields } from '../lib/policy-fields';
import { usePlan } from '../lib/plan';
import { keepDraft, keptDraft } from '../lib/replay-draft';
import { guardLeaving, navigate, query } from '../lib/router';
import { me, mayWrite } from '../lib/session';
import { announce } from '../parts/announce';
import { Card, Page } from '../parts/basic';
import { Conflict } from '../parts/conflict';
import { Credentials } from '../parts/credentials';
import { DryRunPanel } from '../parts/dry-run';
import { AreaField, Choices, ErrorSummary, SwitchField, TextField, useForm, type Form } from '../parts/form';
import { Icon } from '../parts/icon';
import { WhatItChanges } from '../parts/plan';
import { PolicyMissing } from '../parts/policy-missing';
import { ReadsAs } from '../parts/reads-as';

const crumb = { name: 'Policies', href: '/app/smtp-policies' };

export default function PolicyEdit({ ids }: PageProps) {
  return ids.id ? <Stored id={ids.id} /> : <Editor />;
}

function Stored({ id }: { id: string }) {
  const policy = useLoad(id, (signal) => api.get('/smtp-policies/{id}', { path: { id }, signal }));
  if (policy.data) return <Editor key={id} stored={policy.data} />;
  if (!policy.error) return <Page title="Edit policy"><p class="loading" role="status">Reading…</p></Page>;
  return <PolicyMissing id={id} error={policy.error} here="Edit" />;
}

interface Reading { entries: Schemas['ReadsAs'][]; warnings: { field: string; text: string }[]; trouble: string; /** The fields at fault; then there is no policy to read. */ faults: Record<string, string> }

/** Asks the server what the draft is, 400 ms after the last key or when a field is left; an answer to an older draft is dropped. */
function useReading(form: Form<Draft>, stored?: Policy) {
  const reading = useSignal<Reading>({ entries: stored?.reads_as ?? [], warnings: [], trouble: '', faults: {} });
  const asked = useRef(''), latest = useRef(form);
  latest.current = form;
  const check = async () => {
    const draft = latest.current.values;
    const policy = bodyOf(draft, stored);
    // The name says nothing about mail, and nobody has to begin with it.
    const text = JSON.stringify({ policy: { ...policy, name: policy.name || 'unnamed' }, ...(stored ? { policy_id: stored.id } : {}) });
    if (asked.current === text) return;
    asked.current = text;
    let errors: Record<string, string> = {};
    try {
      const answer = await api.post('/smtp-policies/check', { body: JSON.parse(text) });
      if (asked.current !== text) return;
      reading.value = { entries: answer.reads_as, warnings: answer.warnings, trouble: '', faults: {} };
    } catch (trouble) {
      if (asked.current !== text || !(trouble instanceof ApiError)) return;
      reading.value = { ...reading.peek(), trouble: trouble.message, faults: trouble.fields };
      if (trouble.status !== 422) { asked.current = ''; return; }
      errors = trouble.fields;
    }
    // A field that is still empty is marked by a refused save alone, never while typing.
    const now = latest.current;
    const empty = (name: string) => !typedText(now.values, name).trim();
    now.setErrors(Object.fromEntries([...Object.entries(now.errors).filter(([name]) => empty(name)), ...Object.entries(errors).filter(([name]) => !empty(name))]));
  };
  useEffect(() => { void check(); }, []);
  useRest(form.values, 400, () => void check());
  return { reading: reading.value, check: () => void check() };
}

function Editor({ stored }: { stored?: Policy }) {
  const kept = stored && query.value.get('draft') ? keptDraft() : null;
  const form = useForm<Draft>(stored ? kept?.kind === 'policy' && kept.id === stored.id ? draftAgain(kept.body, stored) : draftOf(stored) : emptyDraft);
  const version = useSignal(stored?.version ?? 0), base = useSignal(stored), conflict = useSignal<{ theirs: Policy; who: string } | null>(null);
  const { reading, check } = useReading(form, base.value);
  const planned = usePlan(bodyOf(form.values, base.value), mayWrite.value && !!stored && (form.dirty || kept !== null) && !reading.trouble, () => api.post('/smtp-policies/{id}/plan', { path: { id: stored!.id }, body: bodyOf(form.values, base.value) }));
  const title = stored ? `Edit ${stored.name}` : 'New policy';
  const { failure, values } = form;
  const summary = failure ? { ...form, failure: new ApiError(failure.status, failure.code, failure.message, Object.fromEntries(Object.entries(failure.fields).map(([name, text]) => [name, saidInForm(values, name, text)]))) } : form;
  const save = async (event: Event) => {
    event.preventDefault();
    const saved = await form.submit(async (values) => {
      const body = bodyOf(values, base.value, true);
      try {
        const answer = stored ? await api.put('/smtp-policies/{id}', { path: { id: stored.id }, version: version.value, body }) : await api.post('/smtp-policies', { body: body as never });
        guardLeaving(null);
        announce(stored ? 'Saved' : 'Policy created');
        navigate(`/app/smtp-policies/${answer.id}`);
      } catch (trouble) {
        if (stored && trouble instanceof ApiError && trouble.status === 412) conflict.value = await theirs(stored.id);
        throw trouble;
      }
    });
    if (saved) conflict.value = null;
  };
  const take = (theirs: Policy, values: Draft) => { base.value = theirs; version.value = theirs.version; conflict.value = null; form.reset(values); announce(`Now based on version ${theirs.version}`); };
  const goOn = (theirs: Policy) => { base.value = theirs; version.value = theirs.version; conflict.value = null; announce('Save writes yours now'); };
  const tryReplay = () => { keepDraft({ kind: 'policy', id: stored!.id, name: form.values.name || stored!.name, version: version.value, body: replayBody(form.values) }); guardLeaving(null); navigate('/app/replay'); };
  return <Page title={title} sub="Every control is optional. A message must satisfy all that you turn on." crumbs={[crumb, ...(stored ? [{ name: stored.name, href: `/app/smtp-policies/${stored.id}` }, { name: 'Edit' }] : [{ name: 'New' }])]}>
    {conflict.value ? <Conflict who={conflict.value.who} version={`version ${conflict.value.theirs.version}`} rows={differences(form.values, draftOf(conflict.value.theirs))} onTheirs={() => take(conflict.value!.theirs, draftOf(conflict.value!.theirs))} onMine={() => goOn(conflict.value!.theirs)} />
      : <ErrorSummary form={summary} what={stored ? 'The policy was not saved.' : 'The policy was not created.'} names={labels} />}
    <div class="cols">
      <form class="card" novalidate aria-label="Policy" onSubmit={(e) => void save(e)}>
        <Fields form={form} check={check} />
        <div class="form-foot">{mayWrite.value ? <button type="submit" class="btn primary" aria-disabled={form.busy || undefined}>{stored ? 'Save' : 'Create policy'}</button> : <span class="muted small">Your role reads. Ask an owner for a change.</span>}
          <a class="btn ghost" href={stored ? `/app/smtp-policies/${stored.id}` : '/app/smtp-policies'}>Cancel</a></div>
      </form>
      <aside class="stack sticky" aria-label="What this policy does">
        <Card title="Reads as"><div class="stack gap-s" aria-live="polite">
          {Object.keys(reading.faults).length ? <NotYet draft={values} faults={reading.faults} /> : reading.trouble ? <p class="small">{reading.trouble}</p>
            : reading.entries.length ? <ReadsAs entries={reading.entries} /> : <p class="small muted">Asking the server…</p>}
          {reading.trouble ? null : reading.warnings.map((w) => <p key={w.field + w.text} class="small v wait wrap"><Icon name="warning" /><span>{w.text}</span></p>)}
        </div></Card>
        {stored && mayWrite.value && (form.dirty || kept) && !reading.trouble ? <WhatItChanges planned={planned} draft={{ smtp_policies: { [stored.id]: replayBody(values) } }} /> : null}
        <section class="card"><DryRunPanel folded run={(request) => api.post('/smtp-policies/dry-run', { body: { ...request, policy: { ...bodyOf(form.values, base.value), name: form.values.name.trim() || 'unnamed' }, ...(stored ? { policy_id: stored.id } : {}) } })}>
          <h2>Try it before you save</h2><p class="small muted">Runs this draft on a client and sender, with live DNS. No mail is sent.</p></DryRunPanel></section>
        {stored && me.value?.operates_gateway ? <section class="card"><div class="body stack gap-s"><h2>Try it on recorded mail</h2><p class="small muted">What this draft would have done to mail that has already arrived.</p><div><button type="button" class="btn" onClick={tryReplay}><Icon name="again" />Replay as draft</button></div></div></section> : null}
      </aside>
    </div>
  </Page>;
}

/** A draft with errors reads as nothing: it would not be saved. */
function NotYet({ draft, faults }: { draft: Draft; faults: Record<string, string> }) {
  return <div class="stack gap-s"><p class="v no wrap"><Icon name="warning" /><span>This is not a valid policy yet. It is not saved and accepts no mail.</span></p>
    <ul class="plain small">{Object.entries(faults).map(([field, text]) => <li key={field}><a class="inline-link" href={`#f-${field}`} onClick={(e) => { e.preventDefault(); document.getElementById(`f-${field}`)?.focus(); }}>{labelOf(field)}</a>: {faultsOf(draft, field, text).map((fault) => sentence(fault.text)).join(' ')}</li>)}</ul></div>;
}

/** The policy as it is now and who made it so, as far as the audit log says. */
async function theirs(id: string): Promise<{ theirs: Policy; who: string }> {
  const [policy, log] = await Promise.all([api.get('/smtp-policies/{id}', { path: { id } }), api.get('/accounts/me/audit-log', { query: { limit: 50 } }).catch(() => null)]);
  const entry = log?.data.find((e) => e.action.startsWith('smtp_policy.') && e.details?.id === id);
  return { theirs: policy, who: entry?.actor_name ?? '' };
}

/** One rule a control. Named checks share a list: it comes once, last. */
const rules: Control[] = [...controls.filter((c) => !c.named), ...controls.filter((c) => c.named).slice(0, 1)];

/** What is between backticks as code. */
const inCode = (text: string) => text.split('`').map((part, i) => i % 2 ? <code key={i}>{part}</code> : part);

function Fields({ form, check }: { form: Form<Draft>; check: () => void }) {
  const { values, errors, set } = form;
  /** What every text field of the form shares: its error with the line named, and the server's proposal as a button. */
  const text = (name: ListField) => {
    const error = errors[name] ?? '', fixes = faultsOf(values, name, error).filter((fault) => fault.piece && fault.proposal);
    // From the last to the first, so that the places before stay where they are.
    const use = () => { set(name, fixes.reduceRight((typed, { piece, proposal }) => typed.slice(0, piece!.start) + proposal + typed.slice(piece!.end), values[name])); document.getElementById(`f-${name}`)?.focus(); announce(`Now ${fixes.map((fix) => fix.proposal).join(', ')}`); };
    return {
      name, label: labels[name], value: values[name], onValue: (v: string) => set(name, v), onBlur: check, error: saidInForm(values, name, error) || undefined,
      children: fixes.length ? <div class="actions"><button type="button" class="btn sm" onClick={use}>Use {fixes.map((fix) => fix.proposal).join(', ')}</button></div> : null,
    };
  };
  const turnOn = (name: FlagField) => <div class="actions"><button type="button" class="btn sm" onClick={() => set(name, true)}>Turn on {labels[name]}</button></div>;
  const field = (name: Control['fields'][number]) => {
    const of = fields.find((one) => one.name === name)!, hint = of.hint ? inCode(of.hint) : undefined;
    if (of.kind === 'flag') return <SwitchField key={name} label={of.label} name={of.name} hint={hint} on={values[of.name]} onSwitch={(on) => set(of.name, on)} error={errors[of.name]} />;
    if (of.kind === 'list') {
      const { children, ...rest } = text(of.name);
      return <AreaField key={name} {...rest} optional rows={of.needs ? 2 : 3} hint={hint}>{of.needs && errors[of.name]?.startsWith('has no effect') ? turnOn(of.needs) : children}</AreaField>;
    }
    return <Credentials key={name} users={values.users} onUsers={(u) => set('users', u)} pending={values.pending} onPending={(u) => set('pending', u)} htpasswd={values.htpasswd} onHtpasswd={(t) => set('htpasswd', t)} onBlur={check}
      error={saidInForm(values, 'smtp_credentials', errors.smtp_credentials ?? '') || undefined} />;
  };
  return <>
    <div class="rule"><TextField label="Name" name="name" required maxLength={100} value={values.name} onValue={(v) => set('name', v)} onBlur={check} error={errors.name} /></div>
    {rules.map(({ name, fields: [first, ...under] }) => <div class="rule" key={name}>{field(first)}{under.length ? <div class="under">{under.map(field)}</div> : null}</div>)}
    <div class="rule"><Choices legend="Mode" name="mode" value={values.mode} onValue={(v) => set('mode', v as Draft['mode'])} options={[
      { value: 'enforce', name: 'Enforce', hint: 'Refuses mail that does not satisfy it.' }, { value: 'shadow', name: 'Shadow', hint: 'Refuses nothing: traces show what it would have done.' }]} /></div>
  </>;
}
