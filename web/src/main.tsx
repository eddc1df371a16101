// The pages: which component stands at which address. Each page is loaded when it is first looked at.
import { render, type ComponentType } from 'preact';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { match, navigate, path, startRouter } from './lib/router';
import { startKeys } from './lib/keys';
import { lookAtGateway, me, resume } from './lib/session';
import { useEvery } from './lib/load';
import { Shell } from './parts/shell';
import { Note, Page } from './parts/basic';
import { Announcements } from './parts/announce';

export type PageProps = { ids: Record<string, string> };
type Loader = () => Promise<{ default: ComponentType<PageProps> }>;
interface Route { at: string; title: string; load: Loader; outside?: true }

const routes: Route[] = [
  { at: '/app/signin', title: 'Sign in', load: () => import('./pages/signin'), outside: true },
  { at: '/app/signup', title: 'Sign up', load: () => import('./pages/signup'), outside: true },
  { at: '/app/reset', title: 'New password', load: () => import('./pages/reset'), outside: true },
  { at: '/app/webhooks', title: 'Webhooks', load: () => import('./pages/webhooks') },
  { at: '/app/webhooks/new', title: 'New webhook', load: () => import('./pages/webhook-edit') },
  { at: '/app/webhooks/{id}', title: 'Webhook', load: () => import('./pages/webhook') },
  { at: '/app/webhooks/{id}/edit', title: 'Edit webhook', load: () => import('./pages/webhook-edit') },
  { at: '/app/webhooks/{id}/logs', title: 'Log', load: () => import('./pages/webhook-logs') },
  { at: '/app/webhooks/{id}/simulate', title: 'Simulate', load: () => import('./pages/webhook-simulate') },
  { at: '/app/webhooks/{id}/dead-letters', title: 'Dead letters', load: () => import('./pages/dead-letters') },
  { at: '/app/webhooks/{id}/inbox', title: 'Inbox', load: () => import('./pages/inbox') },
  { at: '/app/webhooks/{id}/inbox/{message}', title: 'Message', load: () => import('./pages/inbox-message') },
  { at: '/app/smtp-policies', title: 'Policies', load: () => import('./pages/policies') },
  { at: '/app/smtp-policies/new', title: 'New policy', load: () => import('./pages/policy-edit') },
  { at: '/app/smtp-policies/{id}', title: 'Policy', load: () => import('./pages/policy') },
  { at: '/app/smtp-policies/{id}/edit', title: 'Edit policy', load: () => import('./pages/policy-edit') },
  { at: '/app/connection-policies', title: 'Connection policies', load: () => import('./pages/connection-policies') },
  { at: '/app/traces', title: 'Traces', load: () => import('./pages/traces') },
  { at: '/app/traces/{id}', title: 'Trace', load: () => import('./pages/trace') },
  { at: '/app/replay', title: 'Replay', load: () => import('./pages/replay') },
  { at: '/app/queue', title: 'Queue', load: () => import('./pages/queue') },
  { at: '/app/queue/{id}', title: 'Message', load: () => import('./pages/queue-message') },
  { at: '/app/settings/account', title: 'Account', load: () => import('./pages/account') },
  { at: '/app/settings/people', title: 'People', load: () => import('./pages/people') },
  { at: '/app/settings/domains', title: 'Domains', load: () => import('./pages/domains') },
  { at: '/app/settings/domains/{id}/dkim-keys', title: 'DKIM keys', load: () => import('./pages/dkim-keys') },
  { at: '/app/settings/api-tokens', title: 'API tokens', load: () => import('./pages/api-tokens') },
  { at: '/app/settings/audit-log', title: 'Audit log', load: () => import('./pages/audit-log') },
  { at: '/app/api', title: 'API', load: () => import('./pages/api') },
];

function find(given: string): { route: Route; ids: Record<string, string> } | null {
  for (const route of routes) {
    const ids = match(route.at, given);
    if (ids) return { route, ids };
  }
  return null;
}

function NotHere() {
  return <Page title="There is no such page"><Note><p>The address may be old. <a href="/app/webhooks">Webhooks</a> is where the pages begin.</p></Note></Page>;
}

/** The page of the address. The one before stays until the new one is loaded; then the focus goes to its heading. */
function Current() {
  const shown = useSignal<{ component: ComponentType<PageProps> | null; ids: Record<string, string>; key: string; outside: boolean } | null>(null);
  const trouble = useSignal(false);
  useEffect(() => {
    let first = true;
    return path.subscribe((given) => {
      if (given === '/app' || given === '/app/') { navigate('/app/webhooks' + location.search, 'replace'); return; }
      const found = find(given);
      if (found && !found.route.outside && !me.value) { navigate('/app/signin?' + new URLSearchParams({ next: given + location.search }), 'replace'); return; }
      const show = (component: ComponentType<PageProps> | null) => {
        if (path.peek() !== given) return;
        document.title = `${found?.route.title ?? 'Not found'} · Postern`;
        shown.value = { component, ids: found?.ids ?? {}, key: given, outside: found?.route.outside ?? false };
        if (!first) requestAnimationFrame(() => { scrollTo(0, 0); document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true }); });
        first = false;
      };
      trouble.value = false;
      if (!found) show(null);
      else found.route.load().then((m) => show(m.default)).catch(() => { trouble.value = true; });
    });
  }, []);
  if (trouble.value) return <Shell><Page title="The page could not be loaded"><Note tone="no"><p>No answer from the server, or it was updated meanwhile. <a href={path.value} target="_self">Load again</a>.</p></Note></Page></Shell>;
  if (!shown.value) return null;
  const { component: Component, ids, key, outside } = shown.value;
  if (outside && Component) return <Component ids={ids} key={key} />;
  return <Shell>{Component ? <Component ids={ids} key={key} /> : <NotHere />}</Shell>;
}

function App() {
  useEvery(30_000, () => { if (me.value) void lookAtGateway(); });
  useEffect(() => me.subscribe((one) => { if (one) void lookAtGateway(); }), []);
  return <><Current /><Announcements /></>;
}

startRouter();
startKeys();
await resume().catch(() => false);
render(<App />, document.getElementById('root')!);
