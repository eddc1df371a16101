// Who is signed in. The cookie is out of reach of scripts; what the server says of it is here.
import { computed, signal } from '@preact/signals';
import type { Schemas } from './api';
import { navigate, path } from './router';

export type Me = Schemas['Account'];
export const me = signal<Me | null>(null);
export const csrf = signal('');
export const gateway = signal<Schemas['Gateway'] | null>(null);
/** Whether the actions of a page are shown: a viewer sees the same pages without them. */
export const mayWrite = computed(() => me.value !== null && me.value.role !== 'viewer');
export const isOwner = computed(() => me.value?.role === 'owner');

/** Asks the server; false: nobody is signed in. */
export async function resume(): Promise<boolean> {
  const answer = await fetch('/app/session', { headers: { Accept: 'application/json' } });
  if (!answer.ok) return false;
  const session = await answer.json();
  csrf.value = session.csrf_token;
  me.value = session;
  return true;
}

/** Fills `gateway`, which every page shows; quietly keeps the last one when there is no answer. */
export async function lookAtGateway(): Promise<void> {
  const answer = await fetch('/api/v1/gateway', { headers: { Accept: 'application/json' } }).catch(() => null);
  if (answer?.ok) gateway.value = await answer.json();
}

export function signedOut(): void {
  if (me.value === null) return;
  me.value = null;
  csrf.value = '';
  navigate('/app/signin?' + new URLSearchParams({ next: path.value + location.search }).toString());
}

export async function signOut(): Promise<void> {
  await fetch('/app/session', { method: 'DELETE', headers: { 'X-CSRF-Token': csrf.value } }).catch(() => null);
  me.value = null;
  csrf.value = '';
  navigate('/app/signin');
}
