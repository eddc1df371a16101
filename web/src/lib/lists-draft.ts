// The lists as the editor holds them, and as the API takes them.
import type { Schemas } from './api';
import { lists, titleOf } from './restrictions';

export type Running = Schemas['ConnectionPolicies'];
export interface ListsDraft {
  lists: Record<string, string>;
  parameters: { name: string; value: string }[];
  mode: 'enforce' | 'shadow';
  errors: 'refuse' | 'defer';
  require_complete_lists: boolean;
  note: string;
}

export function draftOf(from: Schemas['ConnectionPoliciesWrite'] | null): ListsDraft {
  return {
    lists: { ...from?.lists }, parameters: Object.entries(from?.parameters ?? {}).map(([name, value]) => ({ name, value: String(value) })),
    mode: from?.mode ?? 'enforce', errors: from?.errors ?? 'refuse', require_complete_lists: from?.require_complete_lists ?? false, note: '',
  };
}

/** What a PUT takes. A list that is empty in the editor has its default, unless it was stored as empty. */
export function bodyOf(draft: ListsDraft, before: Schemas['ConnectionPoliciesWrite'] | null): Schemas['ConnectionPoliciesWrite'] {
  const written = Object.entries(draft.lists).filter(([name, text]) => text.trim() || before?.lists?.[name]?.trim() === '');
  return {
    lists: Object.fromEntries(written), parameters: Object.fromEntries(draft.parameters.filter((p) => p.name.trim()).map((p) => [p.name.trim(), p.value.trim()])),
    mode: draft.mode, errors: draft.errors, require_complete_lists: draft.require_complete_lists, ...(draft.note.trim() ? { note: draft.note.trim() } : {}),
  };
}

const modes = { enforce: 'Enforce', shadow: 'Shadow' };
/** Every part of two drafts under its name. */
export function differences(mine: ListsDraft, theirs: ListsDraft): { name: string; mine: string; theirs: string }[] {
  const values = (d: ListsDraft) => d.parameters.map((p) => `${p.name} = ${p.value}`).sort().join('\n');
  return [...lists.map(({ name }) => ({ name: titleOf(name), mine: mine.lists[name] ?? '', theirs: theirs.lists[name] ?? '' })),
    { name: 'Parameters', mine: values(mine), theirs: values(theirs) }, { name: 'Mode', mine: modes[mine.mode], theirs: modes[theirs.mode] },
    { name: 'Rules with an error', mine: mine.errors, theirs: theirs.errors }, { name: 'Complete lists', mine: mine.require_complete_lists ? 'required' : 'not required', theirs: theirs.require_complete_lists ? 'required' : 'not required' }];
}
