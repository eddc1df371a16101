// What a page reads from the server: loading, data or trouble, and again when its key changes.
import { useSignal, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from './api';

export interface Loaded<T> { data: T | null; error: ApiError | null; loading: boolean; reload: () => Promise<void>; set: (data: T) => void }

/** Calls `read` now and whenever `key` changes; an answer to an older key is dropped. What was shown stays until the new answer is there. */
export function useLoad<T>(key: string, read: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const state: Signal<{ data: T | null; error: ApiError | null; loading: boolean }> = useSignal({ data: null as T | null, error: null as ApiError | null, loading: true });
  const running = useRef<AbortController | null>(null);
  const run = async () => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    state.value = { ...state.peek(), loading: true };
    try {
      const data = await read(mine.signal);
      if (!mine.signal.aborted) state.value = { data, error: null, loading: false };
    } catch (trouble) {
      if (mine.signal.aborted) return;
      const error = trouble instanceof ApiError ? trouble : new ApiError(0, 'page', String(trouble));
      state.value = { data: error.status === 0 ? state.peek().data : null, error, loading: false };
    }
  };
  useEffect(() => { void run(); return () => running.current?.abort(); }, [key]);
  return { ...state.value, reload: run, set: (data) => { state.value = { data, error: null, loading: false }; } };
}

/** Calls `work` every `ms` while the page is visible. */
export function useEvery(ms: number, work: () => void): void {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) latest.current(); }, ms);
    return () => clearInterval(timer);
  }, [ms]);
}

/** Calls `work` with the value when it has rested for `ms`; not for the first one. */
export function useRest<T>(value: T, ms: number, work: (value: T) => void): void {
  const first = useRef(true);
  const latest = useRef(work);
  latest.current = work;
  const text = JSON.stringify(value);
  useEffect(() => {
    if (first.current) { first.current = false; return; }
    const timer = setTimeout(() => latest.current(value), ms);
    return () => clearTimeout(timer);
  }, [text]);
}
