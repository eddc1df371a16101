// A new webhook, and the edit of one: where mail comes in, which policy guards it, where it goes and how.
import type { PageProps } from '../main';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, ApiError } from '../lib/api';
import { useLoad } from '../lib/load';
import { navigate } from '../lib/router';
import { gateway, mayWrite } from '../lib/session';
import { announce } from '../parts/announce';
import { Note, Page } from '../parts/basic';
import { ErrorSummary, useForm } from '../parts/form';
import { showSecret } from '../parts/secret';
import { createWebhook, crumbsOf, nameOf, useWebhook, WithoutWebhook, type Webhook } from '../parts/webhook';
import { Conflict, type Clash } from '../parts/webhook-conflict';
import { Delivery, Payload, WhatAccepts, Where, WhichPolicy, type Policy } from '../parts/webhook-fields';
import { bodyOf, fieldNames, localTrouble, valuesOf } from '../parts/webhook-values';

export default function EditWebhook({ ids }: PageProps) {
  if (!mayWrite.value) return <Page title={ids.id ? 'Edit webhook' : 'New webhook'} crumbs={[{ name: 'Webhooks', href: '/app/webhooks' }, { name: ids.id ? 'Edit' : 'New' }]}><Note><p>Viewers can see this account but change nothing. <a href="/app/webhooks">All webhooks</a></p></Note></Page>;
  return ids.id ? <Existing id={ids.id} /> : <Editor w={null} />;
}

function Existing({ id }: { id: string }) {
  const loaded = useWebhook(id);
  return loaded.data ? <Editor w={loaded.data} /> : <WithoutWebhook id={id} error={loaded.error} />;
}

/** Every policy of the account, page by page: the select shows all of them. */
async function allPolicies(signal: AbortSignal): Promise<Policy[]> {
  const all: Policy[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await api.get('/smtp-policies', { query: { cursor, limit: 200 }, signal });
    all.push(...page.data);
    if (!page.next || page.data.length === 0) return all.sort((a, b) => a.name.localeCompare(b.name));
    cursor = page.next;
  }
}

/** Who saved the version that stands now; the audit log names them. */
async function savedBy(id: string): Promise<string> {
  const log = await api.get('/accounts/me/audit-log', { query: { limit: 200 } }).catch(() => null);
  const entry = log?.data?.find((e) => e.action.startsWith('webhook.') && (e.details as { id?: string } | undefined)?.id === id);
  return entry?.actor_name ?? 'Someone';
}

/** The server blames the address by its code only. */
function placed(trouble: unknown): unknown {
  if (!(trouble instanceof ApiError) || trouble.code !== 'address_taken' || trouble.fields.email_address) return trouble;
  return new ApiError(trouble.status, trouble.code, trouble.message, { email_address: String(trouble.body.error ?? trouble.message) });
}

function Editor({ w }: { w: Webhook | null }) {
  const shared = gateway.value?.public_domain ?? '';
  const base = useSignal(w);
  const form = useForm(valuesOf(w, shared));
  const clash = useSignal<Clash | null>(null);
  const policies = useLoad('policies', allPolicies);
  const domains = useLoad('domains', (signal) => api.get('/domains', { signal }));
  useEffect(() => { document.title = `${w ? 'Edit ' + nameOf(w) : 'New webhook'} · Postern`; }, []);
  const own = (domains.data?.data ?? []).filter((d) => d.verified && !d.is_public).map((d) => d.name);

  const save = async (event: Event) => {
    event.preventDefault();
    const before = base.peek();
    let made: Webhook | null = null;
    const saved = await form.submit(async (values) => {
      const trouble = localTrouble(values);
      if (Object.keys(trouble).length) throw new ApiError(422, 'page', 'Some fields need another look.', trouble);
      try {
        made = before ? await api.put('/webhooks/{id}', { path: { id: before.id }, body: bodyOf(values, before), version: before.version })
          : await createWebhook(bodyOf(values, null));
      } catch (error) {
        if (before && error instanceof ApiError && error.status === 412) clash.value = await clashOf(before);
        throw placed(error);
      }
    });
    if (!saved || !made) return;
    const done: Webhook = made;
    if (done.secret) showSecret(done.id, done.secret);
    announce(before ? 'Saved' : 'Webhook created');
    navigate(`/app/webhooks/${done.id}`);
  };
  const clashOf = async (before: Webhook): Promise<Clash> => {
    const theirs = await api.get('/webhooks/{id}', { path: { id: before.id } });
    return { theirs, by: await savedBy(before.id), before: valuesOf(before, shared), mine: form.values };
  };
  const settle = (theirs: Webhook) => { base.value = theirs; clash.value = null; announce('Settled. Save keeps it.'); document.getElementById('f-name')?.focus(); };

  const title = w ? `Edit ${nameOf(w)}` : 'New webhook';
  const chosen = policies.data?.find((p) => p.id === form.values.smtp_security_policy_id) ?? null;
  return <Page title={title} crumbs={w ? crumbsOf(w, { name: 'Edit' }) : [{ name: 'Webhooks', href: '/app/webhooks' }, { name: 'New' }]}>
    {clash.value ? <Conflict clash={clash.value} policies={policies.data ?? []} shared={shared} onValue={(name, value) => form.set(name, value)} onSettled={settle} />
      : form.failure?.status === 412 ? <Note tone="no" role="alert"><p>{form.failure.message}</p></Note>
        : <ErrorSummary form={form} what={w ? 'Not saved.' : 'No webhook was created.'} names={fieldNames} />}
    <div class="cols"><form class="card" aria-label="Webhook" noValidate onSubmit={(e) => void save(e)}>
      <Where form={form} w={w} own={own} shared={shared} />
      <WhichPolicy form={form} policies={policies.data} trouble={policies.error} />
      <Delivery form={form} />
      <Payload form={form} />
      <div class="form-foot"><button type="submit" class="btn primary" aria-disabled={form.busy}>{w ? 'Save' : 'Create webhook'}</button><a class="btn ghost" href={w ? `/app/webhooks/${w.id}` : '/app/webhooks'}>Cancel</a></div>
    </form>
    <aside class="stack sticky" aria-label="What this webhook accepts"><WhatAccepts policy={chosen} none={form.values.smtp_security_policy_id === ''} /></aside></div>
  </Page>;
}
