// A mail from this machine to the webhook, over SMTP as any other: the dialogue, the reply, and the way to its trace.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { api, ApiError } from '../lib/api';
import { gateway } from '../lib/session';
import { announce } from './announce';
import { Card, Foreign, Note, outcomeOf, Verdict } from './basic';
import { Icon } from './icon';

type Result = Awaited<ReturnType<typeof send>>;
const send = (id: string) => api.post('/webhooks/{id}/test-mail', { path: { id }, body: {} });

/** `result` is told to `onSent` too: what the page counts and lists is then to be read again. */
export interface TestMail { busy: boolean; result: Result | null; error: ApiError | null; run: () => Promise<void>; clear: () => void }
export function useTestMail(id: string, onSent?: (result: Result) => void): TestMail {
  const state = useSignal<{ busy: boolean; result: Result | null; error: ApiError | null }>({ busy: false, result: null, error: null });
  const run = async () => {
    if (state.peek().busy) return;
    state.value = { busy: true, result: null, error: null };
    announce('Sending a test mail');
    try {
      const result = await send(id);
      state.value = { busy: false, result, error: null };
      onSent?.(result);
    } catch (trouble) {
      state.value = { busy: false, result: null, error: trouble instanceof ApiError ? trouble : new ApiError(0, 'page', String(trouble)) };
    }
  };
  return { ...state.value, run, clear: () => { state.value = { busy: false, result: null, error: null }; } };
}

export const TestMailButton = ({ mail, primary }: { mail: TestMail; primary?: boolean }) =>
  <button type="button" class={`btn ${primary ? 'primary' : ''}`} aria-disabled={mail.busy} onClick={() => void mail.run()}><Icon name="mail" />{mail.busy ? 'Sending…' : 'Send test mail'}</button>;

const words = { accepted: 'The test mail was accepted', refused: 'The test mail was refused', deferred: 'The test mail was deferred', shadow: '', none: 'The test mail was answered' };

interface Said { from: string; line: string }
/** The capabilities of EHLO as one line: what decides comes after them. */
function folded(lines: Said[]): Said[] {
  const out: Said[] = [];
  let open = false;
  for (const { from, line } of lines) {
    const part = /^250([- ])(.*)$/.exec(line), last = out.at(-1);
    if (open && part && last) { last.line += (/^250.\S*$/.test(last.line) ? ' offers ' : ', ') + part[2]; open = part[1] === '-'; continue; }
    out.push({ from, line: part?.[1] === '-' ? `250 ${part[2]}` : line });
    open = part?.[1] === '-';
  }
  return out;
}

/** What came of it, in the server's words; 429 and 503 too. */
export function TestMailResult({ mail, level = 2 }: { mail: TestMail; level?: 2 | 3 }) {
  const box = useRef<HTMLDivElement>(null);
  const { result, error } = mail;
  useEffect(() => { if (result || error) box.current?.focus(); }, [result, error]);
  if (error) return <div ref={box} tabIndex={-1}><Note tone={error.status === 429 || error.status === 503 ? 'wait' : 'no'} role="alert"><p><strong>No test mail was sent.</strong> {error.message}{error.retryAfter ? ` Next in ${error.retryAfter} s.` : ''}</p></Note></div>;
  if (!result) return null;
  const outcome = outcomeOf(result.outcome);
  return <div ref={box} tabIndex={-1} role="group" aria-label={words[outcome]}>
    <Card level={level} title={words[outcome]} aside={<button type="button" class="btn ghost sm" onClick={mail.clear}>Close</button>}
      footer={result.trace_id ? <a class="inline-link" href={`/app/traces/${result.trace_id}`}>See why in its trace</a> : 'Its trace is not written yet.'}>
      <p><Verdict is={outcome} /> <span class="reply"><Foreign text={result.reply} /></span></p>
      <details class="mt" open><summary>SMTP dialogue</summary>
        <div class="mt"><ol class="dialogue">{folded(result.transcript).map((t, i) => <li key={i} class={t.from === 'server' && /^[45]/.test(t.line) ? 'bad' : undefined}><span class="who"><span aria-hidden="true">{t.from === 'client' ? '>' : '<'}</span><span class="vh">{t.from === 'client' ? 'Client:' : 'Server:'}</span></span><span><Foreign text={t.line} /></span></li>)}</ol></div>
      </details>
    </Card></div>;
}

/** Where mail for this gateway is sent to: a listener that every address reaches is named by the host that this page came from. */
export function smtpPlace(): { host: string; port: string } {
  const listeners = gateway.value?.smtp ?? [];
  const one = (listeners.find((l) => l.tls !== 'implicit') ?? listeners[0])?.address ?? '';
  const colon = one.lastIndexOf(':');
  const host = one.slice(0, colon).replace(/^\[|\]$/g, ''), port = colon < 0 ? '25' : one.slice(colon + 1);
  return { host: !host || /^(0\.0\.0\.0|::|\*)$/.test(host) ? location.hostname : host, port };
}
export function swaks(address: string): string {
  const { host, port } = smtpPlace();
  return `swaks --server ${host} --port ${port} --from you@example.com --to ${address} --header 'Subject: First message'`;
}
