// The draft that goes from an editor to Replay and back. It stays in this tab; passwords never are in it.
import type { Schemas } from './api';

export type ReplayDraft =
  | { kind: 'lists'; revision: number; body: Schemas['ConnectionPoliciesWrite'] }
  | { kind: 'policy'; id: string; name: string; version: number; body: Schemas['PolicyWrite'] };

const key = 'replay-draft', of = 'replay-of';

export function keepDraft(draft: ReplayDraft): void { sessionStorage.setItem(key, JSON.stringify(draft)); sessionStorage.removeItem(of); }
export function forgetDraft(): void { sessionStorage.removeItem(key); sessionStorage.removeItem(of); }
export function keptDraft(): ReplayDraft | null {
  try { return JSON.parse(sessionStorage.getItem(key) ?? 'null') as ReplayDraft | null; } catch { return null; }
}
/** The replay that was started with the kept draft: only its numbers speak of it. */
export const replayOf = (): string | null => sessionStorage.getItem(of);
export function keepReplayOf(id: string): void { sessionStorage.setItem(of, id); }

/** A line that the draft adds or takes away. */
export interface DraftChange { is: 'add' | 'del'; text: string }

/** What a list of lines has more and less than another. */
export function lineChanges(before: string[], after: string[], say: (line: string) => string): DraftChange[] {
  return [...after.filter((l) => !before.includes(l)).map((l) => ({ is: 'add' as const, text: say(l) })), ...before.filter((l) => !after.includes(l)).map((l) => ({ is: 'del' as const, text: say(l) }))];
}
