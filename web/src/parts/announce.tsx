// What a screen reader is told without the focus moving.
import { signal } from '@preact/signals';

const said = signal('');
let gone: ReturnType<typeof setTimeout> | undefined;
/** Said once, and not found again by who reads on. */
export function announce(text: string): void {
  said.value = '';
  clearTimeout(gone);
  setTimeout(() => { said.value = text; }, 30);
  gone = setTimeout(() => { said.value = ''; }, 6000);
}
export const Announcements = () => <div class="vh" role="status" aria-live="polite">{said.value}</div>;
