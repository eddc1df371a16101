// A secret that is shown once: leaving the page with it uncopied asks.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { guardLeaving } from '../lib/router';
import { CopyButton, Note } from './basic';

export function Once({ what, secret, label, also }: { what: ComponentChildren; secret: string; label: string; also?: ComponentChildren }) {
  const copied = useRef(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    copied.current = false;
    box.current?.querySelector<HTMLElement>('.note')?.focus();
    guardLeaving(() => copied.current || confirm(`You have not copied the ${label}. It cannot be shown again. Leave all the same?`));
    const warn = (event: BeforeUnloadEvent) => { if (!copied.current) event.preventDefault(); };
    addEventListener('beforeunload', warn);
    return () => { guardLeaving(null); removeEventListener('beforeunload', warn); };
  }, [secret]);
  return <div ref={box}><Note tone="ok" role="status" tabIndex={-1}><div class="stack gap-s"><p><strong>{what}</strong> Copy it now: it cannot be shown again.</p>
    <div class="copy"><code onCopy={() => { copied.current = true; }}>{secret}</code><CopyButton text={secret} label={label} onCopied={() => { copied.current = true; }} /></div>{also}</div></Note></div>;
}
