// A policy that is not there: gone, if the audit log of this account says so, or never was.
import { api, type ApiError } from '../lib/api';
import { useLoad } from '../lib/load';
import { At, Note, Page } from './basic';

export function PolicyMissing({ id, error, here }: { id: string; error: ApiError; here: string }) {
  const gone = useLoad(`${id}|${error.status}`, async (signal) => error.status !== 404 ? null
    : (await api.get('/accounts/me/audit-log', { query: { limit: 200 }, signal })).data.find((e) => e.action === 'smtp_policy.deleted' && e.details?.id === id) ?? null);
  return <Page title={error.status === 404 ? 'There is no such policy here' : 'The policy could not be read'} crumbs={[{ name: 'Policies', href: '/app/smtp-policies' }, { name: here }]}>
    <Note tone="no" role="alert"><p>{gone.data ? <>It was deleted: <At at={gone.data.created_at} />{gone.data.actor_name ? `, by ${gone.data.actor_name}` : ''}. </> : `${error.message} `}<a href="/app/smtp-policies">All policies</a></p></Note></Page>;
}
