// What a screen reader is told without the focus moving.
import { signal } from '@preact/signals';

const said = signal('');
export function announce(text: string): void { said.value = ''; setTimeout(() => { said.value = text; }, 30); }
export const Announcements = () => <div class="vh" role="status" aria-live="polite">{said.value}</div>;
