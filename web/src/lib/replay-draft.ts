// The draft that goes from an editor to Replay and back. It stays in this tab; passwords never are in it.
import type { Schemas } from './api';

export type ReplayDraft =
  | { kind: 'lists'; revision: number; body: Schemas['ConnectionPoliciesWrite'] }
  | { kind: 'policy'; id: string; name: string; version: number; body: Schemas['PolicyWrite'] };

const key = 'replay-draft';

export function keepDraft(draft: ReplayDraft): void { sessionStorage.setItem(key, JSON.stringify(draft)); }
export function forgetDraft(): void { sessionStorage.removeItem(key); }
export function keptDraft(): ReplayDraft | null {
  try { return JSON.parse(sessionStorage.getItem(key) ?? 'null') as ReplayDraft | null; } catch { return null; }
}
