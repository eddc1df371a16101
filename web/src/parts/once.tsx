// A secret that is shown once: leaving the page with it uncopied asks, once.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { guardLeaving } from '../lib/router';
import { CopyButton, Note } from './basic';

/** `ask` false: it may be left without a question. */
export function Once({ what, secret, label, also, ask = true, onHide }: { what: ComponentChildren; secret: string; label: string; also?: ComponentChildren; ask?: boolean; onHide?: () => void }) {
  const copied = useRef(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    copied.current = !ask;
    box.current?.querySelector<HTMLElement>('.note')?.focus();
    guardLeaving(() => {
      const leave = copied.current || confirm(`The ${label} is not copied and cannot be shown again. Leave all the same?`);
      copied.current = true;
      return leave;
    });
    const warn = (event: BeforeUnloadEvent) => { if (!copied.current) event.preventDefault(); };
    addEventListener('beforeunload', warn);
    return () => { guardLeaving(null); removeEventListener('beforeunload', warn); };
  }, [secret, ask]);
  const done = (now: boolean) => { copied.current = now || !ask; };
  return <div ref={box}><Note tone="ok" role="status" tabIndex={-1}><div class="stack gap-s"><p><strong>{what}</strong> Copy it now: it cannot be shown again.</p>
    <div class="copy"><code tabIndex={0} onCopy={() => done(true)}>{secret}</code><CopyButton text={secret} label={label} onCopied={done} />{onHide ? <button type="button" class="btn sm" onClick={onHide}>Hide</button> : null}</div>{also}</div></Note></div>;
}
