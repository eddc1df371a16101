// A text field over a painted copy of itself: colours, marks, and completion from the server's keywords. Undo, selection and phone keyboards stay the browser's.
import { useEffect, useRef, useState } from 'preact/hooks';
import { completions, paint, wordAt, type Keyword, type Mark } from '../lib/restrictions';
import { announce } from './announce';

export interface ListEditorProps {
  /** Its short name; the field's id is `f-lists.<name>`. */
  list: string;
  text: string;
  onText: (text: string) => void;
  linted: string;
  marks: Mark[];
  keywords: Keyword[];
  byName: Map<string, Keyword>;
  classes: Set<string>;
  placeholder: string;
  readOnly: boolean;
  describedBy: string;
}

/** Writes as if it were typed, so that undo takes it back. */
export function insertText(field: HTMLTextAreaElement, start: number, end: number, text: string): void {
  field.focus();
  field.setSelectionRange(start, end);
  const done = text ? document.execCommand('insertText', false, text) : document.execCommand('delete');
  if (!done) { field.setRangeText(text, start, end, 'end'); field.dispatchEvent(new Event('input', { bubbles: true })); }
}

/** By keys, not pasted. */
const typed = (e: Event): boolean => e instanceof InputEvent && /^(insertText|insertComposition|delete)/.test(e.inputType) && !/\s/.test(e.data ?? '');

export function ListEditor(p: ListEditorProps) {
  const field = useRef<HTMLTextAreaElement>(null), popup = useRef<HTMLUListElement>(null), painted = useRef<HTMLDivElement>(null);
  const [offered, setOffered] = useState<Keyword[]>([]), [at, setAt] = useState(0);
  const id = `f-lists.${p.list}`;
  const close = () => setOffered([]);
  const offer = () => {
    const here = field.current!;
    const found = here.selectionStart === here.selectionEnd ? completions(wordAt(here.value, here.selectionStart), p.list, p.keywords) : [];
    if (found.length && !offered.length) announce(`${found.length} keywords fit. Tab takes the first, Escape closes.`);
    setOffered(found);
    setAt(0);
  };
  const take = (keyword: Keyword) => {
    const caret = field.current!.selectionStart;
    insertText(field.current!, caret - wordAt(p.text, caret).length, caret, keyword.name + (keyword.argument ? ' ' : ''));
    close();
  };
  // Below the line of the caret.
  useEffect(() => {
    if (!offered.length || !popup.current || !painted.current) return;
    const line = field.current!.value.slice(0, field.current!.selectionStart).split('\n').length - 1;
    const row = painted.current.children[line] as HTMLElement | undefined;
    popup.current.style.top = `${(row?.offsetTop ?? 0) + (row?.offsetHeight ?? 24) + 2}px`;
  }, [offered]);
  const onKey = (e: KeyboardEvent) => {
    if (!offered.length || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === 'Tab' && !e.shiftKey) { e.preventDefault(); take(offered[at]!); }
    else if (e.key === 'Escape') { e.preventDefault(); e.stopPropagation(); close(); }
    else if (e.key === 'ArrowDown' || e.key === 'ArrowUp') { e.preventDefault(); setAt((at + (e.key === 'ArrowDown' ? 1 : offered.length - 1)) % offered.length); }
    else if (e.key === 'ArrowLeft' || e.key === 'ArrowRight' || e.key === 'Home' || e.key === 'End') close();
  };
  const option = (i: number) => `${id}-o${i}`;
  return <div class="code-wrap">
    <div class="code">
      <div class="paint" aria-hidden="true" ref={painted}>{paint(p.text, p.linted, p.marks, p.byName, p.classes).map((line, i) =>
        <span class={`ln ${line.tone}`} key={i}>{line.pieces.map((piece, n) => piece.class ? <span class={piece.class} key={n}>{piece.text}</span> : piece.text)}</span>)}</div>
      <textarea id={id} ref={field} spellcheck={false} autocapitalize="off" autocomplete="off" rows={Math.max(1, p.text.split('\n').length)} value={p.text} readOnly={p.readOnly} placeholder={p.placeholder} aria-describedby={p.describedBy}
        aria-invalid={p.marks.some((m) => m.severity === 'error') ? 'true' : undefined} aria-autocomplete="list" aria-controls={offered.length ? `${id}-list` : undefined} aria-activedescendant={offered.length ? option(at) : undefined}
        onInput={(e) => { p.onText(e.currentTarget.value); if (typed(e)) offer(); else close(); }} onKeyDown={onKey} onBlur={close} onClick={close} />
    </div>
    {offered.length ? <ul class="complete" role="listbox" id={`${id}-list`} aria-label="Keywords" ref={popup}>{offered.map((k, i) => <li key={k.name} id={option(i)} role="option" aria-selected={i === at} onMouseDown={(e) => { e.preventDefault(); take(k); }}>
      <b>{k.name}</b>{k.argument ? <i> {k.argument}</i> : null}<span>{k.summary}</span></li>)}</ul> : null}
  </div>;
}
