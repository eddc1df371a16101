// The keyboard (docs/web.md lists it). Single letters are off while a field has focus, and where the account turned them off.
import { signal } from '@preact/signals';
import { navigate } from './router';

export const lettersOn = signal(localStorage.getItem('letters') !== 'off');
export function setLetters(on: boolean): void { lettersOn.value = on; localStorage.setItem('letters', on ? 'on' : 'off'); }
export const helpOpen = signal(false);

const places: Record<string, string> = { w: '/app/webhooks', p: '/app/smtp-policies', c: '/app/connection-policies', t: '/app/traces', r: '/app/replay', q: '/app/queue' };
let goingSince = 0;

const inField = (target: EventTarget | null): boolean => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
  !(target instanceof HTMLInputElement && /^(checkbox|radio|button)$/.test(target.type));

function moveRow(step: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('main tbody .name, main tbody th[scope=row] a, main .rows a.row')];
  const at = links.indexOf(document.activeElement as HTMLElement);
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
  next?.focus();
}

function onKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && event.key === 'Enter') {
    const form = (event.target as Element | null)?.closest?.('form') ?? document.querySelector<HTMLFormElement>('main form.card');
    form?.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'Escape' && event.target instanceof HTMLInputElement && event.target.type === 'search' && event.target.value === '') { event.target.blur(); return; }
  if (inField(event.target) || !lettersOn.value || document.querySelector('dialog[open]')) return;
  if (goingSince && Date.now() - goingSince < 1200 && places[event.key]) { goingSince = 0; event.preventDefault(); navigate(places[event.key]!); return; }
  goingSince = 0;
  switch (event.key) {
    case 'g': goingSince = Date.now(); break;
    case '/': document.querySelector<HTMLInputElement>('main input[type=search]')?.focus(); event.preventDefault(); break;
    case 'j': moveRow(1); break;
    case 'k': moveRow(-1); break;
    case 'n': document.querySelector<HTMLElement>('main [data-key=n]')?.click(); break;
    case 'x': (document.activeElement?.closest('tr')?.querySelector<HTMLElement>('input[type=checkbox]'))?.click(); break;
    case ']': document.querySelector<HTMLElement>('main [data-key=next]')?.click(); break;
    case '[': document.querySelector<HTMLElement>('main [data-key=previous]')?.click(); break;
    case '?': helpOpen.value = true; event.preventDefault(); break;
  }
}

export function startKeys(): void { document.addEventListener('keydown', onKey); }
