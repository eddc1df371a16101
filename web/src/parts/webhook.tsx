// What the pages of one webhook share: reading it, its name, and what is said when it is gone.
import { useLayoutEffect } from 'preact/hooks';
import { api, type ApiError, type Schemas } from '../lib/api';
import { day } from '../lib/format';
import { useLoad, type Loaded } from '../lib/load';
import { Note, Page, type Crumb } from './basic';
import { Icon } from './icon';

export type Webhook = Schemas['Webhook'];
export const nameOf = (w: Webhook): string => w.name || w.email_address;
export const isInbox = (w: Webhook): boolean => w.target_url === 'inbox';
export const useWebhook = (id: string): Loaded<Webhook> => useLoad(`webhook ${id}`, (signal) => api.get('/webhooks/{id}', { path: { id }, signal }));

/** Said wherever a webhook without policy stands. */
export const NoPolicy = () => <span class="v wait"><Icon name="warning" />None: accepts all mail</span>;

/** The contract's allOf has no type of its own for the body; it is WebhookWrite with a target. */
export const createWebhook = (body: Schemas['WebhookWrite']): Promise<Webhook> => api.post('/webhooks', { body: body as never });

export const crumbsOf = (w: Webhook, ...more: Crumb[]): Crumb[] => [{ name: 'Webhooks', href: '/app/webhooks' }, { name: nameOf(w), href: more.length ? `/app/webhooks/${w.id}` : undefined }, ...more];

/** The page while there is no webhook to show: it is read, it could not be, or it is gone. */
export function WithoutWebhook({ id, error }: { id: string; error: ApiError | null }) {
  const crumbs: Crumb[] = [{ name: 'Webhooks', href: '/app/webhooks' }, { name: 'Webhook' }];
  // The focus goes to the heading when a page is shown; the heading of the page that follows this one takes it over.
  useLayoutEffect(() => () => {
    if (document.activeElement?.tagName === 'H1') requestAnimationFrame(() => document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true }));
  }, []);
  if (!error) return <Page title="Webhook" crumbs={crumbs}><p class="loading" role="status">Reading…</p></Page>;
  if (error.status === 404) return <Page title="There is no such webhook here" crumbs={crumbs}><Gone id={id} /></Page>;
  return <Page title="Webhook" crumbs={crumbs}><Note tone="no" role="alert"><p>{error.message}</p></Note></Page>;
}

/** Says when it was deleted only if the audit log of this account says so. */
function Gone({ id }: { id: string }) {
  const log = useLoad(id, (signal) => api.get('/accounts/me/audit-log', { query: { limit: 200 }, signal }));
  const entry = log.data?.data?.find((e) => e.action === 'webhook.deleted' && (e.details as { id?: string } | undefined)?.id === id);
  return <Note><p>{entry ? `It was deleted on ${day(entry.created_at)}. ` : ''}<a href="/app/webhooks">All webhooks</a></p></Note>;
}

/** "Name: value" a line, as headers are typed. The message names the line that is none. */
export function parseHeaders(text: string): { pairs: [string, string][]; error: string | null } {
  const pairs: [string, string][] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; ++i) {
    const line = lines[i]!.trim();
    if (!line) continue;
    const colon = line.indexOf(':');
    if (colon < 1) return { pairs, error: `line ${i + 1} has no name and colon: write "Name: value"` };
    pairs.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }
  return { pairs, error: null };
}
