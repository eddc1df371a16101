// The signing secret, which the server tells once. It is kept in memory only, from its creation until its page is left.
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Once } from './once';

const fresh = signal<{ id: string; secret: string; rotated: boolean } | null>(null);
export const showSecret = (id: string, secret: string, rotated = false): void => { fresh.value = { id, secret, rotated }; };

/** The note on top of the webhook's page. `ask` is false where nothing is signed: the inbox. */
export function SecretNote({ id, ask }: { id: string; ask: boolean }) {
  const one = fresh.value?.id === id ? fresh.value : null;
  useEffect(() => () => { if (fresh.peek()?.id === id) fresh.value = null; }, [id]);
  if (!one) return null;
  return <Once what={one.rotated ? 'New signing secret.' : 'Webhook created. This is its signing secret.'} secret={one.secret} label="secret" ask={ask} onHide={() => { fresh.value = null; }}
    also={<p class="small">Your endpoint uses it to check that a request comes from this server.</p>} />;
}
