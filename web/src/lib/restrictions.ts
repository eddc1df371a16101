// Restriction lists as text: words and their colours, where a mark of the linter lies, and the fixes that a button can do.
import type { Schemas } from './api';

/** The server writes all of its members. */
export type Mark = Required<Omit<Schemas['ListMark'], 'fix'>> & { fix?: string };
export interface Lint { ok: boolean; starts: boolean; open_relay: 'no' | 'keyed' | 'yes'; witness: string[]; unreachable: [string, number][]; lists: Record<string, { parameter: string; in_effect: string; complete: boolean; marks: Mark[] }>; marks: Mark[] }
export type Keyword = Schemas['Keyword'];
export interface Piece { text: string; class: string }
export interface PaintedLine { pieces: Piece[]; tone: '' | 'no' | 'wait' }

interface Range { start: number; end: number; class: string }
interface Word { text: string; start: number; end: number; kind: 'keyword' | 'argument' }

const colours: Record<string, string> = { permit: 'k-p', reject: 'k-r', check: 'k-c', other: '' };
const unreachable = 'R102', incomplete = 'R101';

/** The words of a line; what stands in braces or behind a keyword is its argument. `depth`: braces that are open before it. */
function wordsOf(line: string, depth: number, known: (word: string) => boolean): { words: Word[]; depth: number } {
  const words: Word[] = [];
  for (const match of line.matchAll(/[^\s,]+/g)) {
    words.push({ text: match[0], start: match.index, end: match.index + match[0].length, kind: depth === 0 && known(match[0]) ? 'keyword' : 'argument' });
    for (const c of match[0]) depth += c === '{' ? 1 : c === '}' ? -1 : 0;
    depth = Math.max(0, depth);
  }
  return { words, depth };
}

/** Columns count characters from 1; places in a string count UTF-16 units from 0. */
const placeOf = (line: string, column: number): number => [...line].slice(0, column - 1).join('').length;
function rangeOf(line: string, mark: Mark): { start: number; end: number } {
  const start = placeOf(line, mark.column);
  return { start, end: mark.length ? placeOf(line, mark.column + mark.length) : line.length };
}
const markClass = (mark: Mark): string => mark.code === incomplete ? '' : mark.code === unreachable ? 'u-dead' : mark.severity === 'error' ? 'u-no' : 'u-wait';

/** The list as it is drawn. Marks were made for the text `linted`: one whose line was changed since is left out until the next answer. */
export function paint(text: string, linted: string, marks: Mark[], keywords: Map<string, Keyword>, classes: Set<string>): PaintedLine[] {
  const old = linted.split('\n');
  let depth = 0;
  return text.split('\n').map((line, i) => {
    const found = wordsOf(line, depth, (w) => keywords.has(w.toLowerCase()) || classes.has(w));
    depth = found.depth;
    const here = marks.filter((m) => m.line === i + 1 && old[i] === line);
    const ranges: Range[] = [
      ...found.words.map((w) => ({ start: w.start, end: w.end, class: w.kind === 'argument' ? 'k-a' : classes.has(w.text) ? 'k-c' : colours[keywords.get(w.text.toLowerCase())?.effect ?? ''] ?? '' })),
      ...here.map((m) => ({ ...rangeOf(line, m), class: markClass(m) })),
    ];
    const cuts = [...new Set([0, line.length, ...ranges.flatMap((r) => [r.start, r.end])])].filter((n) => n <= line.length).sort((a, b) => a - b);
    const classAt = (at: number) => {
      const all = new Set(ranges.filter((r) => r.start <= at && r.end > at).map((r) => r.class));
      if (all.has('u-no')) all.delete('u-wait');  // the worse mark is drawn
      return [...all].filter(Boolean).join(' ');
    };
    const pieces = cuts.slice(0, -1).map((start, n) => ({ text: line.slice(start, cuts[n + 1]), class: classAt(start) }));
    return { pieces, tone: here.some((m) => m.severity === 'error') ? 'no' : here.some((m) => m.severity === 'warning') ? 'wait' : '' };
  });
}

/** Where a mark lies in the whole text. */
export function offsetsOf(text: string, mark: Mark): { start: number; end: number } {
  const lines = text.split('\n');
  const before = lines.slice(0, mark.line - 1).reduce((n, l) => n + l.length + 1, 0);
  const { start, end } = rangeOf(lines[mark.line - 1] ?? '', mark);
  return { start: before + start, end: before + end };
}

/** The one place that makes lists relay for strangers: the id of its field, and how the page names it. */
export interface Cause { field: string; at: string; says: string; hint: string }

/** A network that holds strangers, if the witness passes by `permit_mynetworks`; else the rule that the prover marks. Null: no single place is to blame. */
export function causeOf(lint: Lint, parameters: { name: string; value: string }[]): Cause | null {
  if (lint.open_relay !== 'yes') return null;
  const wide = lint.marks.find((m) => m.code === 'R120' && lint.witness.some((line) => line.endsWith(': `permit_mynetworks` lets it through')));
  const row = wide ? parameters.findIndex((p) => p.name.trim() === wide.parameter) : -1;
  if (wide && row >= 0) return { field: `f-parameter-value-${row}`, at: `${wide.parameter} = ${parameters[row]!.value.trim()}`, says: wide.text, hint: wide.hint ?? '' };
  const mark = lint.marks.find((m) => m.code === 'R110' && m.list);
  if (!mark) return null;
  return { field: `f-lists.${mark.list}`, at: `line ${mark.line} of the ${titleOf(mark.list!)}`, says: mark.text, hint: mark.hint ?? '' };
}

/** Whether the list is one that says who may relay, and lets the witness through. */
export const letsPass = (lint: Lint, list: string): boolean => lint.open_relay === 'yes' && (list === 'relay' || list === 'recipient') && lint.witness.some((line) => line.startsWith(`${lint.lists[list]?.parameter}: `) && line.endsWith(' lets it through'));

export interface Fix { name: string; start: number; end: number; text: string }

/** What one click does: the word that the server proposes, or taking out what is never asked. */
export function fixOf(text: string, mark: Mark, known: (word: string) => boolean): Fix | null {
  const { start, end } = offsetsOf(text, mark);
  const word = mark.fix ?? /^did you mean `?(\w+)`?\?$/.exec(mark.hint ?? '')?.[1];
  if (word) return { name: mark.fix ? `Rename to ${word}` : `Use ${word}`, start, end, text: word };
  if (mark.code !== unreachable) return null;
  return { name: 'Remove it', ...elementAt(text, start, known), text: '' };
}

/** The element that begins at `start`, with its arguments and one separator. */
function elementAt(text: string, start: number, known: (word: string) => boolean): { start: number; end: number } {
  let depth = 0, end = start, first = true;
  for (const match of text.slice(start).matchAll(/[^\s,]+|,/g)) {
    const at = start + match.index, word = match[0];
    if (word === ',') { if (depth) continue; end = at + 1; break; }
    if (!first && depth === 0 && known(word)) break;
    first = false;
    for (const c of word) depth += c === '{' ? 1 : c === '}' ? -1 : 0;
    end = at + word.length;
  }
  const last = !text.slice(end).trim();
  const lead = last ? /[\s,]*$/.exec(text.slice(0, start))![0].length : 0;
  const trail = last ? 0 : /^[ \t]*\n?/.exec(text.slice(end))![0].length;
  return { start: start - lead, end: last ? text.length : end + trail };
}

/** The word that is being written at the caret, where it may be a keyword; empty: none. */
export function wordAt(text: string, caret: number): string {
  if (/^\w/.test(text.slice(caret))) return '';
  return /(?:^|[\s,{])(\w*)$/.exec(text.slice(0, caret))?.[1] ?? '';
}

/** Keywords for two letters and more: those that begin so first. A word that is one already is left alone, so that Tab leaves. */
export function completions(word: string, list: string, keywords: Keyword[]): Keyword[] {
  if (word.length < 2) return [];
  const lower = word.toLowerCase();
  if (keywords.some((k) => k.name === lower)) return [];
  const fits = keywords.filter((k) => k.lists.includes(list) && !k.replaced_by && k.name.includes(lower));
  return [...fits.filter((k) => k.name.startsWith(lower)), ...fits.filter((k) => !k.name.startsWith(lower))].slice(0, 7);
}

/** The elements of a list for comparing two of them: split at commas and line ends outside braces. */
export function elements(text: string): string[] {
  const out: string[] = [];
  let depth = 0, word = '';
  for (const c of text) {
    if (depth === 0 && (c === ',' || c === '\n')) { out.push(word); word = ''; continue; }
    depth += c === '{' ? 1 : c === '}' ? -1 : 0;
    word += c;
  }
  return [...out, word].map((w) => w.trim().replace(/\s+/g, ' ')).filter(Boolean);
}

export const lists: { name: string; title: string; says: string; first?: true }[] = [
  { name: 'helo', title: 'Hello Restrictions', says: 'Judges the name that the client gives in HELO or EHLO.', first: true },
  { name: 'sender', title: 'Sender Restrictions', says: 'Judges the envelope sender, from left to right. The first rule with an opinion decides.', first: true },
  { name: 'recipient', title: 'Recipient Restrictions', says: 'Judges every recipient. May use any rule of the lists above.', first: true },
  { name: 'client', title: 'Client Restrictions', says: 'Judges the client’s address and name.' },
  { name: 'relay', title: 'Relay Restrictions', says: 'Judges every recipient before the recipient list: who may send to other destinations.' },
  { name: 'data', title: 'Data Restrictions', says: 'Judges at DATA, when all recipients are known.' },
  { name: 'end_of_data', title: 'End-of-data Restrictions', says: 'Judges when the message has come, and its size is known.' },
  { name: 'etrn', title: 'ETRN Restrictions', says: 'Judges who may ask for a queue run with ETRN.' },
];
export const titleOf = (name: string): string => lists.find((l) => l.name === name)?.title ?? name;
