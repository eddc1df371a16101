// Addresses are the state: path and query as signals, links without a reload.
import { signal } from '@preact/signals';

export const path = signal(location.pathname);
export const query = signal(new URLSearchParams(location.search));

let mayLeave: () => boolean = () => true;
/** Asked before a page is left; the page that goes takes it away again with `null`. */
export function guardLeaving(check: (() => boolean) | null): void { mayLeave = check ?? (() => true); }

function read(): void {
  path.value = location.pathname;
  query.value = new URLSearchParams(location.search);
}

export function navigate(url: string, how: 'push' | 'replace' = 'push'): void {
  const to = new URL(url, location.href);
  if (to.pathname !== location.pathname && !mayLeave()) return;
  if (to.pathname !== location.pathname) mayLeave = () => true;
  if (how === 'push') history.pushState(null, '', url); else history.replaceState(null, '', url);
  read();
}

/** Changes some words of the query; an empty value takes its word away. */
export function setQuery(changes: Record<string, string | null>, how: 'push' | 'replace' = 'push'): void {
  const words = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) if (value) words.set(name, value); else words.delete(name);
  const text = words.toString();
  navigate(location.pathname + (text ? '?' + text : ''), how);
}

/** The same page with some words of the query changed, as a link. */
export function withQuery(changes: Record<string, string | null>): string {
  const words = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) if (value) words.set(name, value); else words.delete(name);
  const text = words.toString();
  return path.value + (text ? '?' + text : '');
}

/** What stands for {…} in the pattern; null when the path is another. */
export function match(pattern: string, given: string): Record<string, string> | null {
  const wanted = pattern.split('/'), is = given.replace(/\/$/, '').split('/');
  if (wanted.length !== is.length) return null;
  const found: Record<string, string> = {};
  for (let i = 0; i < wanted.length; ++i) {
    const piece = wanted[i]!, word = is[i]!;
    if (piece.startsWith('{')) found[piece.slice(1, -1)] = decodeURIComponent(word);
    else if (piece !== word) return null;
  }
  return found;
}

export function startRouter(): void {
  addEventListener('popstate', read);
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin || !link.pathname.startsWith('/app')) return;
    if (link.pathname === location.pathname && link.hash) return;
    event.preventDefault();
    navigate(link.pathname + link.search + link.hash);
  });
}
