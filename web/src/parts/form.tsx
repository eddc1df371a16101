// Forms: a field is label, hint, control, error. The words of an error are the server's; values stay as they were typed.
import { useSignal, type Signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { ApiError, sentence } from '../lib/api';
import { inWords, labelOf } from '../lib/labels';
import { guardLeaving } from '../lib/router';
import { Icon } from './icon';
import { Note } from './basic';

export interface Form<V> {
  values: V;
  errors: Record<string, string>;
  /** Why the last save was refused, when no field is to blame. */
  failure: ApiError | null;
  busy: boolean;
  dirty: boolean;
  set<K extends keyof V>(name: K, value: V[K]): void;
  reset(values: V): void;
  setErrors(errors: Record<string, string>): void;
  /** Runs `save`; a refusal fills `errors` and `failure` and moves the focus to the summary. True: saved. */
  submit(save: (values: V) => Promise<void>): Promise<boolean>;
  refusals: number;
}

export function useForm<V extends object>(initial: V, options: { guard?: boolean } = {}): Form<V> {
  const state: Signal<{ values: V; errors: Record<string, string>; failure: ApiError | null; busy: boolean; dirty: boolean; refusals: number }> =
    useSignal({ values: initial, errors: {}, failure: null, busy: false, dirty: false, refusals: 0 });
  const change = (part: Partial<typeof state.value>) => { state.value = { ...state.peek(), ...part }; };
  const dirty = state.value.dirty && options.guard !== false;
  useEffect(() => {
    if (!dirty) return;
    guardLeaving(() => confirm('What you changed is not saved. Leave all the same?'));
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => { guardLeaving(null); removeEventListener('beforeunload', warn); };
  }, [dirty]);
  return {
    ...state.value,
    set(name, value) {
      const { [name as string]: _, ...errors } = state.peek().errors;
      change({ values: { ...state.peek().values, [name]: value }, errors, dirty: true });
    },
    reset(values) { change({ values, errors: {}, failure: null, dirty: false }); },
    setErrors(errors) { change({ errors }); },
    async submit(save) {
      if (state.peek().busy) return false;
      change({ busy: true, errors: {}, failure: null });
      try {
        await save(state.peek().values);
        guardLeaving(null);
        change({ busy: false, dirty: false });
        return true;
      } catch (trouble) {
        const error = trouble instanceof ApiError ? trouble : new ApiError(0, 'page', String(trouble));
        change({ busy: false, errors: error.fields, failure: error, refusals: state.peek().refusals + 1 });
        return false;
      }
    },
  };
}

/** After a refused save: what was not done, and a link to each field. `names`: the fields' labels. */
export function ErrorSummary<V>({ form, what, names }: { form: Form<V>; what: string; names: Record<string, string> }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => { if (form.refusals > 0) box.current?.querySelector<HTMLElement>('.note')?.focus(); }, [form.refusals]);
  if (!form.failure) return null;
  const fields = Object.entries(form.failure.fields);
  return <div ref={box}><Note tone="no" role="alert" tabIndex={-1}><strong>{what}</strong> {fields.length === 0 ? form.failure.message : fields.length === 1 ? 'One field needs another look:' : `${fields.length} fields need another look:`}
    {fields.length ? <ul>{fields.map(([field, text]) => <li key={field}>{names[field] ? <a href={`#f-${field}`} onClick={(e) => { e.preventDefault(); document.getElementById(`f-${field}`)?.focus(); }}>{names[field]}</a> : labelOf(field)}: {inWords(text).replaceAll('\n', '; ')}</li>)}</ul> : null}
  </Note></div>;
}

interface FieldProps { label: ComponentChildren; name: string; hint?: ComponentChildren; error?: string; optional?: string | true; children?: ComponentChildren }
function described(name: string, hint: unknown, error: unknown): string | undefined {
  return [hint ? `f-${name}-h` : '', error ? `f-${name}-e` : ''].filter(Boolean).join(' ') || undefined;
}
const Label = ({ name, label, optional }: { name: string; label: ComponentChildren; optional?: string | true }) =>
  <label for={`f-${name}`}>{label}{optional ? <> <span class="opt">{optional === true ? '(optional)' : optional}</span></> : null}</label>;
const Below = ({ name, error }: { name: string; error?: string }) => error ? <p class="err" id={`f-${name}-e`}><Icon name="warning" /><span>{error.split('\n').map((line) => <span class="line" key={line}>{sentence(line)}</span>)}</span></p> : null;

/** `name` is the API's field: the input's id is `f-<name>`. */
export function TextField({ label, name, hint, error, optional, value, onValue, children, ...rest }: FieldProps & { value: string; onValue: (text: string) => void; type?: 'text' | 'email' | 'password' | 'url' | 'number' | 'date' | 'datetime-local'; mono?: boolean; autocomplete?: string;
  placeholder?: string; required?: boolean; maxLength?: number; inputMode?: 'numeric' | 'email' | 'url'; min?: number; max?: number; onBlur?: () => void }) {
  const { mono, type, ...input } = rest;
  return <div class="field"><Label name={name} label={label} optional={optional} />{hint ? <p class="hint" id={`f-${name}-h`}>{hint}</p> : null}
    <input id={`f-${name}`} type={(type ?? 'text') as 'text'} {...input} class={mono ? 'mono' : undefined} spellcheck={false} value={value} onInput={(e) => onValue(e.currentTarget.value)} aria-invalid={error ? 'true' : undefined} aria-describedby={described(name, hint, error)} />
    <Below name={name} error={error} />{children}</div>;
}
export function AreaField({ label, name, hint, error, optional, value, onValue, rows = 3, placeholder, onBlur, children, prose }: FieldProps & { value: string; onValue: (text: string) => void; rows?: number; placeholder?: string; onBlur?: () => void; prose?: boolean }) {
  return <div class="field"><Label name={name} label={label} optional={optional} />{hint ? <p class="hint" id={`f-${name}-h`}>{hint}</p> : null}
    <textarea id={`f-${name}`} class={prose ? undefined : 'mono'} rows={rows} spellcheck={false} placeholder={placeholder} value={value} onInput={(e) => onValue(e.currentTarget.value)} onBlur={onBlur} aria-invalid={error ? 'true' : undefined} aria-describedby={described(name, hint, error)} />
    <Below name={name} error={error} />{children}</div>;
}
export function SelectField({ label, name, hint, error, value, onValue, options, children }: FieldProps & { value: string; onValue: (text: string) => void; options: { value: string; name: string }[] }) {
  return <div class="field"><Label name={name} label={label} />{hint ? <p class="hint" id={`f-${name}-h`}>{hint}</p> : null}
    <select id={`f-${name}`} value={value} onChange={(e) => onValue(e.currentTarget.value)} aria-invalid={error ? 'true' : undefined} aria-describedby={described(name, hint, error)}>{options.map((o) => <option key={o.value} value={o.value}>{o.name}</option>)}</select>
    <Below name={name} error={error} />{children}</div>;
}
export function SwitchField({ label, name, hint, error, on, onSwitch }: FieldProps & { on: boolean; onSwitch: (on: boolean) => void }) {
  return <div><div class="switch"><input type="checkbox" role="switch" id={`f-${name}`} checked={on} onChange={(e) => onSwitch(e.currentTarget.checked)} aria-invalid={error ? 'true' : undefined} aria-describedby={described(name, hint, error)} />
    <div><label for={`f-${name}`}>{label}</label>{hint ? <span class="hint" id={`f-${name}-h`}>{hint}</span> : null}</div></div><Below name={name} error={error} /></div>;
}
/** A group of radio buttons drawn as cards. */
export function Choices({ legend, name, value, onValue, options }: { legend: string; name: string; value: string; onValue: (value: string) => void; options: { value: string; name: string; hint: ComponentChildren }[] }) {
  const group = useId();
  return <fieldset class="field"><legend class="label">{legend}</legend><div class="choices">{options.map((o) => <label class="choice" key={o.value}>
    <input type="radio" name={`${name}-${group}`} checked={value === o.value} onChange={() => onValue(o.value)} /><span><b>{o.name}</b><span class="hint">{o.hint}</span></span></label>)}</div></fieldset>;
}
