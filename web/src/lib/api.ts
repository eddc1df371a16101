// The typed way to /api/v1: paths, bodies and answers come from docs/openapi.yaml.
import type { components, paths } from '../../gen/schema';
import { told } from './labels';
import { csrf, signedOut } from './session';

export type Schemas = components['schemas'];
type Method = 'get' | 'post' | 'put' | 'delete';
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;
type Json<R> = R extends { content: { 'application/json': infer T } } ? T : undefined;
type Success<O> = O extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 202 | 204)]> : never;
type BodyOf<O> = O extends { requestBody: { content: { 'application/json': infer B } } } ? B
  : O extends { requestBody?: { content: { 'application/json': infer B } } } ? B | undefined : undefined;
type QueryOf<O> = O extends { parameters: { query?: infer Q } } ? Q : undefined;

export interface Options<O> {
  path?: Record<string, string>;
  query?: QueryOf<O>;
  body?: BodyOf<O>;
  /** The version that the edit began with: If-Match. */
  version?: number;
  signal?: AbortSignal;
}

/** What the server said no with, in its own words. Status 0: no answer came. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly fields: Record<string, string> = {}, readonly retryAfter = 0,
    /** The whole answer: of a refused list it has the witness. */
    readonly body: Record<string, unknown> = {}) {
    super(message);
  }
}

const base = '/api/v1';

/** The URL of an operation, its query included; members that are empty are left out. */
export function urlOf(path: string, parts: Record<string, string> = {}, query: object = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parts[name] ?? ''));
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== null && value !== '') words.set(name, String(value));
  const text = words.toString();
  return filled + (text ? '?' + text : '');
}

/** One request. Throws ApiError; a session that has ended shows the sign-in page. */
export async function request(method: string, url: string, options: { body?: unknown; version?: number; signal?: AbortSignal } = {}): Promise<unknown> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET' && csrf.value) headers['X-CSRF-Token'] = csrf.value;
  if (options.version !== undefined) headers['If-Match'] = `"${options.version}"`;
  let answer: Response;
  try {
    answer = await fetch(url, { method, headers, body: options.body === undefined ? undefined : JSON.stringify(options.body), signal: options.signal, credentials: 'same-origin' });
  } catch (trouble) {
    if (options.signal?.aborted) throw trouble;
    throw new ApiError(0, 'no_answer', 'No answer from the server. Your changes are not lost.');
  }
  if (answer.status === 204) return undefined;
  const text = await answer.text();
  let parsed: Record<string, unknown> = {};
  try { parsed = text ? JSON.parse(text) : {}; } catch { if (answer.ok) return text; }
  if (answer.ok) return parsed;
  const code = String(parsed.code ?? '');
  if (answer.status === 401 && code !== 'invalid_credentials') signedOut();
  const fields = parsed.fields as Record<string, string> | undefined;
  throw new ApiError(answer.status, code, sentence(fields && Object.keys(fields).length ? told(fields) : String(parsed.error ?? `The server answered ${answer.status}.`)), fields,
    Number(answer.headers.get('Retry-After') ?? 0), parsed);
}

/** The server's words begin small; on a page they stand alone. */
export function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : first + '.';
}

function call<M extends Method>(method: M) {
  return <P extends keyof paths>(path: P, options: Options<Operation<P, M>> = {}): Promise<Success<Operation<P, M>>> =>
    request(method.toUpperCase(), base + urlOf(path, options.path, options.query as object), options) as Promise<Success<Operation<P, M>>>;
}

export const api = { get: call('get'), post: call('post'), put: call('put'), delete: call('delete') };
