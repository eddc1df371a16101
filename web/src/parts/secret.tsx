// The signing secret, which the server tells once. It is kept in memory only, from its creation until its page is left.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { guardLeaving } from '../lib/router';
import { CopyButton, Note } from './basic';

export const freshSecret = signal<{ id: string; secret: string; rotated: boolean; copied: boolean } | null>(null);
export const showSecret = (id: string, secret: string, rotated = false): void => { freshSecret.value = { id, secret, rotated, copied: false }; };

/** The note on top of the webhook's page. Leaving with the secret uncopied asks once. `ask` is false where nothing is signed: the inbox. */
export function SecretNote({ id, ask }: { id: string; ask: boolean }) {
  const fresh = freshSecret.value?.id === id ? freshSecret.value : null;
  const box = useRef<HTMLDivElement>(null);
  const guarded = ask && fresh !== null && !fresh.copied;
  useEffect(() => {
    if (!guarded) return;
    let asked = false;
    guardLeaving(() => { const leave = asked || confirm('The secret is not copied and cannot be shown again. Leave all the same?'); asked = true; return leave; });
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => { guardLeaving(null); removeEventListener('beforeunload', warn); };
  }, [guarded]);
  useEffect(() => { if (fresh?.rotated) box.current?.querySelector<HTMLElement>('.note')?.focus(); }, [fresh?.secret]);
  useEffect(() => () => { if (freshSecret.peek()?.id === id) freshSecret.value = null; }, [id]);
  if (!fresh) return null;
  const copied = () => { freshSecret.value = { ...fresh, copied: true }; };
  return <div ref={box}><Note tone="ok" tabIndex={-1} role="status">
    <p><strong>{fresh.rotated ? 'New signing secret.' : 'Webhook created. This is its signing secret.'}</strong> It cannot be shown again. With it your endpoint checks that a request comes from here.</p>
    <div class="once"><code tabIndex={0}>{fresh.secret}</code><CopyButton text={fresh.secret} label="secret" word="Copy" onCopied={copied} />
      <button type="button" class="btn sm" onClick={() => { freshSecret.value = null; }}>Hide</button></div>
  </Note></div>;
}
