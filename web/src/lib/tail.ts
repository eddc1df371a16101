// The live view: decisions as the server makes them, joined once a frame, held back while somebody reads.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal, type Signal } from '@preact/signals';
import { urlOf, type Schemas } from './api';

export type Trace = Schemas['TraceSummary'];
export const kept = 500;
export type TailState = 'off' | 'opening' | 'live' | 'lost' | 'refused';
export interface Tail {
  state: Signal<TailState>;
  /** What has joined, newest first. */
  rows: Signal<Trace[]>;
  /** What came while somebody read. */
  waiting: Signal<Trace[]>;
  /** Decisions a second, over the last five. */
  rate: Signal<number>;
  join(): void;
  clear(): void;
}

const retryAfter = 15_000;

/** `held`: somebody reads, so nothing moves. `again` is called when the stream had to be opened anew without knowing what it missed. */
export function useTail(on: boolean, query: { q: string; webhook_id: string }, takes: (one: Trace) => boolean, held: Signal<boolean>, again: () => void): Tail {
  const state = useSignal<TailState>('off'), rows = useSignal<Trace[]>([]), waiting = useSignal<Trace[]>([]), rate = useSignal(0);
  const latest = useRef({ takes, again });
  latest.current = { takes, again };
  const tail: Tail = {
    state, rows, waiting, rate,
    join() { rows.value = [...waiting.peek(), ...rows.peek()].slice(0, kept); waiting.value = []; },
    clear() { rows.value = []; waiting.value = []; },
  };
  const url = '/api/v1' + urlOf('/traces/stream', {}, query);
  const stopped = useRef(false);
  useEffect(() => tail.clear(), [url]);
  useEffect(() => {
    rate.value = 0;
    if (!on) { state.value = 'off'; stopped.current = true; return; }  // what has joined stays
    if (stopped.current) { stopped.current = false; tail.clear(); latest.current.again(); }
    let source: EventSource, frame = 0, retry: ReturnType<typeof setTimeout> | undefined;
    let came: Trace[] = [], times: number[] = [];
    const settle = () => {
      frame = 0;
      const fresh = came.reverse();
      came = [];
      if (held.peek()) waiting.value = [...fresh, ...waiting.peek()].slice(0, kept);
      else rows.value = [...fresh, ...waiting.peek(), ...rows.peek()].slice(0, kept), waiting.value.length && (waiting.value = []);
    };
    const take = (event: MessageEvent<string>) => {
      let one: Trace;
      try { one = JSON.parse(event.data) as Trace; } catch { return; }
      if (!latest.current.takes(one)) return;
      times.push(performance.now());
      came.push(one);
      if (came.length > kept) came.shift();  // no frames come while the page is hidden
      frame ||= requestAnimationFrame(settle);
    };
    const open = () => {
      state.value = 'opening';
      source = new EventSource(url);
      source.addEventListener('open', () => { state.value = 'live'; });
      source.addEventListener('decision', take);
      source.addEventListener('error', () => {
        if (source.readyState !== EventSource.CLOSED) { state.value = 'lost'; return; }  // it tries again by itself, from the last id
        state.value = 'refused';
        retry = setTimeout(() => { latest.current.again(); open(); }, retryAfter);
      });
    };
    open();
    const counting = setInterval(() => {
      const since = performance.now() - 5000;
      times = times.filter((t) => t > since);
      rate.value = times.length / 5;
    }, 1000);
    return () => { source.close(); clearInterval(counting); clearTimeout(retry); cancelAnimationFrame(frame); };
  }, [url, on]);
  useEffect(() => held.subscribe((is) => { if (!is && waiting.peek().length) tail.join(); }), []);
  return tail;
}

/** "Live, 4 a second" */
export function liveWords(state: TailState, rate: number, held: boolean): string {
  if (state === 'off') return 'Live view is off';
  if (state === 'opening') return 'Connecting';
  if (state === 'lost') return 'No answer. Trying again';
  if (state === 'refused') return 'The live view is not available. Trying again';
  const speed = rate >= 1 ? `, ${Math.round(rate)} a second` : rate > 0 ? `, ${Math.round(rate * 60)} a minute` : '';
  return (held ? 'Held while you read' : 'Live') + speed;
}
