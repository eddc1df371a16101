// A question that must be answered: the browser's own dialog, the focus on the harmless button.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

export function Dialog({ title, onClose, children, footer }: { title: ComponentChildren; onClose: () => void; children: ComponentChildren; footer?: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    const dialog = box.current!;
    dialog.showModal();
    (dialog.querySelector<HTMLElement>('[data-safe]') ?? dialog.querySelector<HTMLElement>('input, button'))?.focus();
    return () => { dialog.close(); before?.focus?.(); };
  }, []);
  return <dialog ref={box} class="dialog" aria-labelledby={id} onCancel={(e) => { e.preventDefault(); onClose(); }} onClick={(e) => { if (e.target === box.current) onClose(); }}>
    <div class="body"><h2 id={id}>{title}</h2>{children}</div>
    {footer ? <footer>{footer}</footer> : null}
  </dialog>;
}

/** Yes or no: `keep` is the harmless button, `act` does it. */
export function Confirm({ title, keep, act, harmless, busy, onKeep, onAct, children }: { title: ComponentChildren; keep: string; act: string; /** Nothing is lost by it. */ harmless?: boolean; busy?: boolean; onKeep: () => void; onAct: () => void; children: ComponentChildren }) {
  return <Dialog title={title} onClose={onKeep} footer={<><button type="button" class="btn" data-safe onClick={onKeep}>{keep}</button>
    <button type="button" class={harmless ? 'btn primary' : 'btn danger solid'} aria-disabled={busy} onClick={() => { if (!busy) onAct(); }}>{act}</button></>}>{children}</Dialog>;
}
