// What the server proves of an edit before it is saved.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError, type Schemas } from './api';
import { useRest } from './load';

export type Plan = Schemas['Plan'];
export type PlanWitness = Plan['witnesses'][number];

/** Clients that do not sign in reach what is not this gateway's: nothing should be saved like that without a second look. */
export const opensRelay = (plan: Plan): boolean => plan.witnesses.some((w) => w.kind === 'accepts_more' && w.group === 'foreign' && !w.auth);

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

export interface Planned {
  /** Of the draft as it is now; null: not known yet, or nothing is asked. */
  plan: Plan | null;
  trouble: string;
  /** The same within a second, for whoever saves now. */
  now: () => Promise<Plan | null>;
}

/** Asks 400 ms after the last key, one question at a time; an answer to an older draft is not shown. `wanted`: the draft differs and can be judged. */
export function usePlan(draft: unknown, wanted: boolean, ask: () => Promise<Plan>): Planned {
  const state = useSignal<{ plan: Plan | null; of: string; trouble: string }>({ plan: null, of: '', trouble: '' });
  const text = JSON.stringify(draft), running = useRef<Promise<void> | null>(null), latest = useRef({ text, wanted, ask }), gone = useRef(false);
  latest.current = { text, wanted, ask };
  const work = async () => {
    while (!gone.current && latest.current.wanted && state.peek().of !== latest.current.text) {
      const { text: of, ask: question } = latest.current;
      try {
        state.value = { plan: await question(), of, trouble: '' };
      } catch (error) {
        if (error instanceof ApiError && error.status === 429) { await pause(500); continue; }
        state.value = { plan: null, of, trouble: error instanceof ApiError ? error.message : String(error) };
      }
    }
  };
  const run = () => running.current ??= work().finally(() => { running.current = null; });
  useEffect(() => () => { gone.current = true; }, []);
  useEffect(() => { if (wanted) void run(); }, [wanted]);
  useRest(draft, 400, () => void run());
  const fresh = () => state.peek().of === latest.current.text ? state.peek().plan : null;
  return {
    plan: wanted && state.value.of === text ? state.value.plan : null, trouble: wanted && state.value.of === text ? state.value.trouble : '',
    now: async () => { if (latest.current.wanted) await Promise.race([run(), pause(1000)]); return fresh(); },
  };
}

/** TOML of a value: its strings are those of JSON. */
function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(', ')}]`;
  if (value && typeof value === 'object') return `{ ${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)} = ${toml(one)}`).join(', ')} }`;
  return JSON.stringify(value);
}

/** `answers` of a test: what each program says to each question; a key that a table does not have is left out. */
function answersOf(said: { service: string; asked: string; answer: string | null }[]): [string, unknown][] {
  const all = new Map<string, Record<string, unknown>>();
  for (const one of said) {
    const of = all.get(one.service) ?? {};
    all.set(one.service, of);
    if (one.answer !== 'absent') of[one.asked] = one.answer ?? false;
  }
  return [...all].map(([service, of]) => [service, Object.keys(of).join() === '' && '' in of ? of[''] : of]);
}

/** A witness as a test of `postern test`, expecting what the edit does. */
export function testOf(witness: PlanWitness): string {
  const verdict = (witness.new.verdict === 'taken' && ({ hold: 'held', discard: 'discarded' } as Record<string, string>)[String(witness.new.handling)]) || witness.new.verdict;
  const dns = Object.entries((witness.dns ?? {}) as object), answers = answersOf((witness.answers ?? []) as Parameters<typeof answersOf>[0]);
  return ['[[test]]', `name = ${toml(`${verdict}: ${witness.mail_from || '<>'} to ${witness.rcpt_to}`)}`, `client = ${toml(witness.client)}`, `helo = ${toml(witness.helo ?? '')}`,
    ...(witness.auth ? [`auth = ${toml(witness.auth)}`] : witness.tls ? ['tls = true'] : []), `from = ${toml(witness.mail_from)}`, `rcpt = ${toml(witness.rcpt_to)}`,
    ...dns.map(([name, records]) => `dns.${JSON.stringify(name)} = ${toml(records)}`), ...answers.map(([service, said]) => `answers.${JSON.stringify(service)} = ${toml(said)}`),
    ...(witness.spf ? [`evidence = ${toml({ spf: witness.spf, dkim: witness.dkim ? [witness.dkim] : [] })}`] : []), `expect.verdict = ${toml(verdict)}`, ''].join('\n');
}
