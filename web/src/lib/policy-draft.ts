// What the policy form holds, what it sends, and where in the form a sentence of the server belongs.
import type { Schemas } from './api';
import { inWords, labels } from './labels';
import { fields } from './policy-fields';

export { labels } from './labels';

/** A stored policy. */
export type Policy = Schemas['Policy'] & { smtp_users?: { username: string; cost: number }[] };

/** A user of the policy: stored with a bcrypt cost, or new with a password that the server hashes. */
export interface User { username: string; cost?: number; password?: string }

type Field = (typeof fields)[number];
export type FlagField = Extract<Field, { kind: 'flag' }>['name'];
export type ListField = Extract<Field, { kind: 'list' }>['name'];

/** A list is text with an element a line. */
export type Draft = Record<FlagField, boolean> & Record<ListField, string> & {
  name: string;
  users: User[];
  /** What stands in User and Password, not added yet. */
  pending: { username: string; password: string };
  /** Lines of htpasswd: user:hash. */
  htpasswd: string;
  mode: 'enforce' | 'shadow';
};

const flags = fields.filter((field) => field.kind === 'flag').map((field) => field.name);
const lists = fields.filter((field) => field.kind === 'list').map((field) => field.name);
const each = <K extends string, V>(names: K[], value: (name: K) => V) => Object.fromEntries(names.map((name) => [name, value(name)])) as Record<K, V>;

export const emptyDraft: Draft = { name: '', ...each(flags, () => false), ...each(lists, () => ''), users: [], pending: { username: '', password: '' }, htpasswd: '', mode: 'enforce' };

const lines = (list: string): string => list.split(',').filter(Boolean).join('\n');

export function draftOf(policy: Policy): Draft {
  return {
    ...emptyDraft, name: policy.name, ...each(flags, (name) => policy[name]), ...each(lists, (name) => lines(policy[name] ?? '')),
    users: policy.smtp_users ?? policy.smtp_usernames.map((username) => ({ username })), mode: policy.mode ?? 'enforce',
  };
}

export interface Piece { text: string; line: number; start: number; end: number }

/** The elements of a list as it was typed: between commas and line ends, each with its line and place. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  for (const match of text.matchAll(/[^,\n]+/g)) {
    const word = match[0].trim();
    if (!word) continue;
    const start = match.index + match[0].indexOf(word);
    found.push({ text: word, line: text.slice(0, start).split('\n').length, start, end: start + word.length });
  }
  return found;
}
const words = (text: string): string[] => pieces(text).map((p) => p.text);

/**
 * The body of a POST or PUT. `before`: the stored policy; users that did not change are not sent at all.
 * `saving`: a user of whom only half is written goes along, so that the server says what is missing.
 */
export function bodyOf(draft: Draft, before?: Policy, saving = false): Schemas['PolicyWrite'] {
  const body: Schemas['PolicyWrite'] = { name: draft.name.trim(), ...each(flags, (name) => draft[name]), ...each(lists, (name) => words(draft[name])), mode: draft.mode };
  const { username, password } = { ...draft.pending, username: draft.pending.username.trim() };
  const added = saving ? username || password : username && password;
  const users: User[] = [...draft.users.filter((u) => !added || u.username !== username), ...(added ? [{ username, password }] : [])];
  const names = (list: string[]) => [...list].sort().join('\n');
  const kept = users.every((u) => u.password === undefined) && !draft.htpasswd.trim() && names(users.map((u) => u.username)) === names(before?.smtp_usernames ?? []);
  if (!kept) body.smtp_credentials = [...users.map((u) => u.password === undefined ? { username: u.username } : { username: u.username, password: u.password }), ...words(draft.htpasswd)];
  return body;
}

/** The same without the users, for a replay: no password is recorded with mail, and none may stay in the browser. */
export function replayBody(draft: Draft): Schemas['PolicyWrite'] {
  const { smtp_credentials: _, ...body } = bodyOf({ ...draft, users: [], htpasswd: '', pending: emptyDraft.pending });
  return body;
}

/** The draft that comes back from a replay; the users are those stored. */
export function draftAgain(body: Schemas['PolicyWrite'], stored: Policy): Draft {
  const text = (value: unknown) => Array.isArray(value) ? value.join('\n') : lines(String(value ?? ''));
  return {
    ...draftOf(stored), name: body.name ?? stored.name, ...each(flags, (name) => body[name] ?? false), ...each(lists, (name) => text(body[name])), mode: body.mode ?? 'enforce',
  };
}

/** Which text of the form a field of the API comes from. */
export const typedText = (draft: Draft, field: string): string =>
  field === 'smtp_credentials' ? draft.users.map((u) => u.username).join() + draft.htpasswd + draft.pending.username + draft.pending.password : String(draft[field as keyof Draft] ?? '');

export interface Fault { text: string; /** Where in the form's text; null: of the field as a whole. */ piece: Piece | null; proposal: string | null }

/** Every fault that the server's sentence about a field names, with the line of the form in the place of "element 2". Credentials begin with the users of the table. */
export function faultsOf(draft: Draft, field: string, sentence: string): Fault[] {
  if (!sentence) return [];
  const credentials = field === 'smtp_credentials';
  const text = pieces(credentials ? draft.htpasswd : typedText(draft, field)), before = credentials ? draft.users.length + (draft.pending.username && draft.pending.password ? 1 : 0) : 0;
  return sentence.split(/; (?=element \d+[ :]|and \d+ more$)/).map((part) => {
    const match = /^element (\d+)(:?) (.*)$/s.exec(part), piece = match ? text[Number(match[1]) - 1 - before] ?? null : null;
    if (!match || !piece) return { text: inWords(part), piece: null, proposal: null };
    return { text: `Line ${piece.line}. ${match[2] ? '' : 'It '}${inWords(match[3]!)}`, piece, proposal: /did you mean `([^`]+)`/.exec(part)?.[1] ?? null };
  });
}

/** The same as one text, a line each. */
export const saidInForm = (draft: Draft, field: string, sentence: string): string => faultsOf(draft, field, sentence).map((fault) => fault.text).join('\n');

/** Two drafts, field by field, for who has to choose. */
export function differences(mine: Draft, theirs: Draft): { name: string; mine: string; theirs: string }[] {
  const shown = (value: unknown): string => value === true ? 'on' : value === false ? 'off' : String(value);
  const users = (d: Draft) => [...d.users.map((u) => u.username + (u.password === undefined ? '' : ' (new password)')), ...d.htpasswd.split('\n').filter(Boolean).map((l) => l.split(':')[0])].join('\n');
  const fields = (Object.keys(labels) as (keyof Draft)[]).filter((name) => name in mine);
  return [...fields.map((name) => ({ name: labels[name]!, mine: shown(mine[name]), theirs: shown(theirs[name]) })), { name: 'SMTP users', mine: users(mine), theirs: users(theirs) }];
}
