// The small parts that all pages are made of.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { controls, inSentence, isOn, type Switches } from '../lib/controls';
import { ago, clock, count, day, exact, zone } from '../lib/format';
import { Icon, type IconName } from './icon';
import { announce } from './announce';

type Kids = { children?: ComponentChildren };

/** Text that strangers wrote: never markup, its direction its own, invisible and bidirectional control characters drawn as their code points. */
export function Foreign({ text, class: name }: { text: string | null | undefined; class?: string }) {
  const parts = (text ?? '').split(/([\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb])/);
  return <bdi class={name}>{parts.map((part, i) => i % 2 ? <span class="codepoint" key={i}>U+{part.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}</span> : part)}</bdi>;
}

/** "3 min ago", the exact instant in its title. */
export function Ago({ at }: { at: string | null | undefined }) {
  const [, tick] = useState(0);
  useEffect(() => { const timer = setInterval(() => tick((n) => n + 1), 10_000); return () => clearInterval(timer); }, []);
  if (!at) return <span class="muted">never</span>;
  return <time dateTime={at} title={`${day(at)} ${clock(at)} ${zone()}`}>{ago(at)}</time>;
}

/** The clock time, with the day where it is not today. */
export function At({ at }: { at: string }) {
  const today = day(at) === day(new Date());
  return <time class="num" dateTime={at} title={`${day(at)} ${clock(at)} ${zone()}`}>{today ? clock(at) : `${day(at)} ${clock(at)}`}</time>;
}

export const Count = ({ n }: { n: number }) => <span class="num" title={n >= 10_000 ? exact(n) : undefined}>{count(n)}</span>;

export type Outcome = 'accepted' | 'refused' | 'deferred' | 'shadow' | 'none';
const verdicts: Record<Outcome, { tone: string; icon: IconName; word: string }> = {
  accepted: { tone: 'ok', icon: 'check', word: 'Accepted' }, refused: { tone: 'no', icon: 'cross', word: 'Refused' }, deferred: { tone: 'wait', icon: 'clock', word: 'Deferred' },
  shadow: { tone: 'shadow', icon: 'eye', word: 'Shadow' }, none: { tone: 'none', icon: 'minus', word: 'None' },
};
/** The API's words for the same: its traces say rejected, its logs success and failure. */
export const outcomeOf = (word: string | null | undefined): Outcome =>
  word === 'accepted' || word === 'success' || word === 'accept' ? 'accepted' : word === 'rejected' || word === 'refused' || word === 'reject' ? 'refused'
    : word === 'deferred' || word === 'failure' || word === 'defer' ? 'deferred' : 'none';
/** A verdict is icon, word and colour. */
export function Verdict({ is, children }: { is: Outcome } & Kids) {
  const { tone, icon, word } = verdicts[is];
  return <span class={`v ${tone}`}><Icon name={icon} />{children ?? word}</span>;
}

/** IP AUTH SPF DKIM in the order of evaluation; what is off is an empty slot. Named checks have no slot where they are off. */
export function Controls({ policy }: { policy: Switches }) {
  return <span class="checks">{controls.filter((c) => !c.named || isOn(policy, c)).map((c) => isOn(policy, c)
    ? <span class={c.named ? 'chip named' : 'chip'} key={c.name}>{c.brief}{c.brief === c.label ? '' : <span class="vh"> ({inSentence(c.label)})</span>}</span>
    : <span class="chip off" key={c.name}><span aria-hidden="true">–</span><span class="vh">no {inSentence(c.label)}</span></span>)}</span>;
}

export function Note({ tone, icon, children, ...rest }: { tone?: 'ok' | 'no' | 'wait'; icon?: IconName } & Kids & { role?: 'alert' | 'status'; tabIndex?: number; id?: string }) {
  return <div class={`note ${tone ?? ''}`} {...rest}><Icon name={icon ?? (tone === 'ok' ? 'check' : tone ? 'warning' : 'info')} /><div>{children}</div></div>;
}

/** One line to paste elsewhere. */
export function Copy({ text, label, children }: { text: string; label: string } & Kids) {
  return <div class="copy"><span title={text} tabIndex={0} role="group" aria-label={label}>{children ?? text}</span><CopyButton text={text} label={label} /></div>;
}
export function CopyButton({ text, label, onCopied, word }: { text: string; label: string; onCopied?: (copied: boolean) => void; word?: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    onCopied?.(true); // from the click on: whoever leaves at once has copied it
    try { await navigator.clipboard.writeText(text); } catch { onCopied?.(false); announce('The browser does not let pages copy; select the text.'); return; }
    setDone(true);
    announce(`${label} copied`);
    setTimeout(() => setDone(false), 1600);
  };
  return <button type="button" class={`btn sm ${word ? '' : 'icon ghost'}`} aria-label={`${word && done ? 'Copied:' : 'Copy'} ${label}`} onClick={copy}><Icon name={done ? 'check' : 'copy'} />{word ? (done ? 'Copied' : word) : null}</button>;
}

export const Facts = ({ children }: Kids) => <dl class="facts">{children}</dl>;
export const Fact = ({ name, children }: { name: string } & Kids) => <><dt>{name}</dt><dd>{children}</dd></>;

export function Card({ title, aside, children, footer, level = 2, plain }: { title?: ComponentChildren; aside?: ComponentChildren; footer?: ComponentChildren; level?: 2 | 3; plain?: boolean } & Kids) {
  const Heading = `h${level}` as 'h2';
  const id = useId();
  return <section class="card" aria-labelledby={title ? id : undefined}>
    {title ? <header><Heading id={id}>{title}</Heading>{aside}</header> : null}
    {plain ? children : <div class="body">{children}</div>}
    {footer ? <footer>{footer}</footer> : null}
  </section>;
}

export interface Crumb { name: ComponentChildren; href?: string }
/** A page: breadcrumb, the one h1, its actions, then the rest. */
export function Page({ title, tag, sub, crumbs, actions, children }: { title: ComponentChildren; tag?: ComponentChildren; sub?: ComponentChildren; crumbs?: Crumb[]; actions?: ComponentChildren } & Kids) {
  const heading = useRef<HTMLHeadingElement>(null);
  return <div class="page">
    {crumbs ? <nav class="crumbs" aria-label="Breadcrumb"><ol>{crumbs.map((c, i) => <li key={i} aria-current={c.href ? undefined : 'page'}>{c.href ? <a href={c.href}>{c.name}</a> : c.name}</li>)}</ol></nav> : null}
    <div class="head"><div><div class="title"><h1 ref={heading} tabIndex={-1}>{title}</h1>{tag}</div>{sub ? <p class="sub">{sub}</p> : null}</div>
      {actions ? <div class="actions">{actions}</div> : null}</div>
    {children}
  </div>;
}

/** A place that says what to do next. */
export function Empty({ title, children }: { title: ComponentChildren } & Kids) {
  return <section class="card"><div class="body empty"><h2>{title}</h2>{children}</div></section>;
}

/** Forward by cursor; back is the browser's, or the newest at once. */
export function Pager({ next, first, shown, word }: { next: string | null; first: string | null; shown: number; word: string }) {
  return <div class="pager"><span>{exact(shown)} {word}{next || first ? ' on this page' : ''}</span><span class="actions">
    {first ? <a class="btn sm" href={first}><Icon name="left" />Newest</a> : <span class="btn sm" aria-disabled="true"><Icon name="left" />Newest</span>}
    {next ? <a class="btn sm" href={next} rel="next">Older<Icon name="right" /></a> : <span class="btn sm" aria-disabled="true">Older<Icon name="right" /></span>}
  </span></div>;
}

/** Choices as links: the state is in the address. */
export function Segments({ label, options }: { label: string; options: { name: string; href: string; on: boolean }[] }) {
  return <nav class="seg" aria-label={label}>{options.map((o) => <a key={o.name} href={o.href} aria-current={o.on ? 'true' : undefined}>{o.name}</a>)}</nav>;
}

/** The page's search: Enter or a rest of the keys takes it; `/` comes here. */
export function Search({ label, placeholder, value, onSearch }: { label: string; placeholder: string; value: string; onSearch: (text: string) => void }) {
  const [text, setText] = useState(value);
  const id = useId();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setText(value), [value]);
  const later = (next: string) => { setText(next); clearTimeout(timer.current); timer.current = setTimeout(() => onSearch(next.trim()), 400); };
  return <div class="search"><Icon name="search" /><label class="vh" for={id}>{label}</label>
    <input id={id} type="search" placeholder={placeholder} value={text} spellcheck={false} autocomplete="off" onInput={(e) => later(e.currentTarget.value)}
      onKeyDown={(e) => { if (e.key === 'Enter') { e.preventDefault(); clearTimeout(timer.current); onSearch(text.trim()); } }} /><kbd aria-hidden="true">/</kbd></div>;
}
