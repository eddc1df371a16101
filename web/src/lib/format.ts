// Numbers and times as the pages show them. The zone is the account's, and is always named.
import { me } from './session';

export const zone = (): string => me.value?.timezone || 'UTC';

const formats = new Map<string, Intl.DateTimeFormat>();
function format(key: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const name = key + zone();
  let one = formats.get(name);
  if (!one) { one = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone(), hourCycle: 'h23' }); formats.set(name, one); }
  return one;
}

/** "14:32:07" */
export const clock = (at: string | Date): string => format('clock', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(new Date(at));
/** "21 Nov 2026" */
export const day = (at: string | Date): string => format('day', { day: 'numeric', month: 'short', year: 'numeric' }).format(new Date(at));
/** "21 Nov, 14:32" */
export const moment = (at: string | Date): string => format('moment', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(new Date(at));

/** "12 s ago" under a day, then the date; "in 40 s" for what comes. */
export function ago(at: string | Date, now = Date.now()): string {
  const seconds = Math.round((now - new Date(at).getTime()) / 1000);
  const text = span(Math.abs(seconds));
  if (Math.abs(seconds) >= 86_400) return day(at);
  if (Math.abs(seconds) < 2) return 'now';
  return seconds >= 0 ? `${text} ago` : `in ${text}`;
}

/** "40 s", "3 min", "2 h", "5 days" */
export function span(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** Exact to 9,999, then "12.3 k". */
export function count(n: number): string {
  if (n < 10_000) return n.toLocaleString('en-US');
  if (n < 1e6) return (n / 1e3).toFixed(1) + ' k';
  return (n / 1e6).toFixed(1) + ' M';
}

export const exact = (n: number): string => n.toLocaleString('en-US');

export function octets(n: number): string {
  if (n < 1024) return `${n} octets`;
  if (n < 1024 * 1024) return `${(n / 1024).toFixed(1)} KiB`;
  return `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

/** "85 ms", "0.4 ms", "1.2 s", "65 µs" from nanoseconds. */
export function took(ns: number): string {
  const ms = ns / 1e6;
  if (ms >= 1000) return (ms / 1000).toFixed(1) + ' s';
  if (ms < 0.1) return `${Math.max(1, Math.round(ns / 1e3))} µs`;
  return (ms >= 10 ? Math.round(ms) : ms.toFixed(1)) + ' ms';
}

/** "1 webhook", "3 webhooks" */
export const many = (n: number, one: string, more = one + 's'): string => `${exact(n)} ${n === 1 ? one : more}`;
