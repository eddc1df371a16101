// A webhook as the form holds it: everything as text, and the way back to what the API takes.
import type { Schemas } from '../lib/api';
import { parseHeaders, type Webhook } from './webhook';

export interface WebhookValues {
  name: string;
  target: 'inbox' | 'url';
  target_url: string;
  /** The part before the @; empty on the shared domain, where it is made by the server. */
  local: string;
  domain: string;
  smtp_security_policy_id: string;
  delivery_mode: 'sync' | 'queued';
  timeout: string;
  rate: string;
  attachments: 'inline' | 'link' | 'none';
  include_raw: 'none' | 'inline' | 'link';
  headers: string;
  payload_template: string;
  /** Of an inbox; empty in a new webhook: the server's default. */
  inbox_messages: string;
  inbox_mib: string;
  inbox_days: string;
}

/** The API's fields by the labels of the form, for the summary of errors. */
export const fieldNames: Record<string, string> = { name: 'Name', target_url: 'Target URL', email_address: 'Address', smtp_security_policy_id: 'Security policy', timeout_ms: 'Timeout', rate_limit_per_minute: 'At most',
  attachments: 'Attachments', include_raw: 'The message as it came', custom_headers: 'Request headers', payload_template: 'Payload template', inbox_max_messages: 'Keeps at most', inbox_max_octets: 'And at most', inbox_keep_days: 'For' };

const headersText = (headers: Record<string, string> | undefined): string => Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`).join('\n');

const mib = 1024 * 1024;

export function valuesOf(w: Webhook | null, shared: string): WebhookValues {
  const at = w?.email_address.lastIndexOf('@') ?? -1;
  return {
    name: w?.name ?? '', target: w && w.target_url !== 'inbox' ? 'url' : w ? 'inbox' : 'url', target_url: w && w.target_url !== 'inbox' ? w.target_url : '',
    local: w ? w.email_address.slice(0, at) : '', domain: w ? w.email_address.slice(at + 1) : shared, smtp_security_policy_id: w?.smtp_security_policy_id ?? '',
    delivery_mode: w?.delivery_mode ?? 'sync', timeout: String((w?.timeout_ms ?? 30_000) / 1000), rate: w?.rate_limit_per_minute ? String(w.rate_limit_per_minute) : '',
    attachments: w?.attachments ?? 'inline', include_raw: w?.include_raw ?? 'none', headers: headersText(w?.custom_headers), payload_template: w?.payload_template ?? '',
    inbox_messages: String(w?.inbox_max_messages ?? ''), inbox_mib: w?.inbox_max_octets ? String(w.inbox_max_octets / mib) : '', inbox_days: String(w?.inbox_keep_days ?? ''),
  };
}

/** What the browser alone can see: a time that is none, lines that are no header. Everything else is the server's to judge. */
export function localTrouble(v: WebhookValues): Record<string, string> {
  const trouble: Record<string, string> = {};
  // The API counts milliseconds; its words would name numbers that were not typed.
  const seconds = Number(v.timeout);
  if (!(seconds >= 1 && seconds <= 60)) trouble.timeout_ms = 'must be 1 to 60 seconds';
  const size = Number(v.inbox_mib);
  if (v.inbox_mib.trim() !== '' && !(size >= 1 && size <= mib)) trouble.inbox_max_octets = 'must be 1 to 1,048,576 MiB';
  const { pairs, error } = parseHeaders(v.headers);
  if (error) return { ...trouble, custom_headers: error };
  const seen = new Set<string>();
  for (const [name] of pairs) {
    if (seen.has(name.toLowerCase())) return { ...trouble, custom_headers: `"${name}" is given twice` };
    seen.add(name.toLowerCase());
  }
  return trouble;
}

/** A number, or the text as it is: then the server says what it must be. */
const number = (text: string, by = 1): number => (text.trim() === '' ? 0 : Number.isFinite(Number(text)) ? Math.round(Number(text) * by) : text as unknown as number);

/** Only what differs from `before`, or from what a new webhook is without saying so: other members keep their value. */
export function bodyOf(v: WebhookValues, before: Webhook | null): Schemas['WebhookWrite'] {
  const old = valuesOf(before, v.domain);
  const differs = (...names: (keyof WebhookValues)[]) => names.some((n) => v[n] !== old[n]);
  const body: Schemas['WebhookWrite'] = {};
  if (differs('name')) body.name = v.name;
  if (!before || differs('target', 'target_url')) body.target_url = v.target === 'inbox' ? 'inbox' : v.target_url.trim();
  if (v.local.trim() && (!before || differs('local', 'domain'))) body.email_address = `${v.local.trim()}@${v.domain}`;
  if (v.smtp_security_policy_id) { if (differs('smtp_security_policy_id')) body.smtp_security_policy_id = v.smtp_security_policy_id; } else if (before) body.clear_security_policy = true;
  if (differs('delivery_mode')) body.delivery_mode = v.delivery_mode;
  if (differs('timeout')) body.timeout_ms = number(v.timeout, 1000);
  if (differs('rate')) body.rate_limit_per_minute = number(v.rate);
  if (differs('attachments')) body.attachments = v.attachments;
  if (differs('include_raw')) body.include_raw = v.include_raw;
  if (differs('headers')) body.custom_headers = Object.fromEntries(parseHeaders(v.headers).pairs);
  if (differs('payload_template')) body.payload_template = v.payload_template;
  if (differs('inbox_messages')) body.inbox_max_messages = number(v.inbox_messages);
  if (differs('inbox_mib')) body.inbox_max_octets = number(v.inbox_mib, mib);
  if (differs('inbox_days')) body.inbox_keep_days = number(v.inbox_days);
  return body;
}
