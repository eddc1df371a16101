// Icons of 16 by 16, drawn with the text's colour. They stand beside a word, so readers skip them.
import type { JSX } from 'preact';

const drawings = {
  menu: <path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11" />,
  webhook: <><circle cx="4" cy="11" r="2" /><circle cx="12" cy="11" r="2" /><circle cx="8" cy="4" r="2" /><path d="M7 5.8 5 9.2M9 5.8l2 3.4M6 11h4" /></>,
  shield: <path d="M8 1.8 13 3.6v4.2c0 3-2 5.2-5 6.4-3-1.2-5-3.4-5-6.4V3.6Z" />,
  list: <path d="M6 4h8M6 8h8M6 12h8M2.5 4h.1M2.5 8h.1M2.5 12h.1" />,
  trace: <><circle cx="3.5" cy="4" r="1.7" /><circle cx="12.5" cy="12" r="1.7" /><path d="M5.2 4h4.3a2.5 2.5 0 0 1 0 5h-3a1.5 1.5 0 0 0 0 3h4.3" /></>,
  again: <path d="M2.5 3v3.5H6M2.7 6.3A5.6 5.6 0 1 1 2.4 9" />,
  queue: <path d="M2 5.2 8 2l6 3.2-6 3.2ZM2 8.4l6 3.2 6-3.2M2 11.2 8 14.4l6-3.2" />,
  person: <><circle cx="8" cy="5.3" r="2.8" /><path d="M2.8 14c.6-2.8 2.6-4.2 5.2-4.2s4.6 1.4 5.2 4.2" /></>,
  people: <><circle cx="6" cy="5.5" r="2.4" /><path d="M1.8 13.5c.4-2.4 2-3.7 4.2-3.7s3.800 1.300 4.200 3.700M10.500 3.400a2.4 2.4 0 0 1 0 4.300M12 10c1.300.500 2.100 1.700 2.400 3.500" /></>,
  globe: <><circle cx="8" cy="8" r="6" /><path d="M2 8h12M8 2c2 2 2.5 4 2.5 6S10 12 8 14C6 12 5.5 10 5.5 8S6 4 8 2Z" /></>,
  key: <><circle cx="5.2" cy="10.8" r="3" /><path d="m7.4 8.6 6-6M11 5l2 2" /></>,
  paper: <path d="M4 2h5.500L13 5.500V14H4ZM6.500 8h4M6.500 11h4" />,
  lock: <><rect x="3" y="7" width="10" height="7" rx="1.5" /><path d="M5 7V5a3 3 0 0 1 6 0v2" /></>,
  screen: <><rect x="2" y="3" width="12" height="8.5" rx="1.5" /><path d="M6 14h4" /></>,
  sun: <><circle cx="8" cy="8" r="2.8" /><path d="M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.600l.9-.9M11.7 4.3l.9-.9" /></>,
  moon: <path d="M13.5 9.5A5.8 5.8 0 0 1 6.5 2.5a5.8 5.8 0 1 0 7 7Z" />,
  check: <path d="m3.5 8.5 3 3 6-7" />,
  copy: <><rect x="5.5" y="5.5" width="8" height="8" rx="1.5" /><path d="M10.5 5.5V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5" /></>,
  warning: <><path d="M8 2.2 14.3 13.3H1.7Z" /><path d="M8 6.5v3M8 11.4v.1" /></>,
  cross: <path d="m4 4 8 8M12 4l-8 8" />,
  info: <><circle cx="8" cy="8" r="6" /><path d="M8 7.4v3.4M8 5.1v.1" /></>,
  clock: <><circle cx="8" cy="8" r="6" /><path d="M8 4.8V8l2.2 1.6" /></>,
  bin: <path d="M2.500 4.500h11M6 4.500V3h4v1.500M4 4.500l.6 9h6.800l.6-9" />,
  search: <><circle cx="7" cy="7" r="4.5" /><path d="m10.5 10.5 3 3" /></>,
  left: <path d="M10 3.5 5.5 8l4.5 4.5" />,
  right: <path d="m6 3.5 4.5 4.5L6 12.5" />,
  pause: <path d="M5.5 3.5v9M10.5 3.5v9" />,
  arrow: <path d="M2.5 8h11M9.5 4l4 4-4 4" />,
  download: <path d="M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10" />,
  minus: <path d="M4 8h8" />,
  eye: <><path d="M1.8 8S4 3.8 8 3.8 14.2 8 14.2 8 12 12.2 8 12.2 1.8 8 1.8 8Z" /><circle cx="8" cy="8" r="1.8" /></>,
  mail: <><rect x="2" y="3.5" width="12" height="9" rx="1.5" /><path d="m2.5 5 5.5 4 5.5-4" /></>,
  more: <path d="M3.5 8h.1M8 8h.1M12.5 8h.1" />,
} satisfies Record<string, JSX.Element>;

export type IconName = keyof typeof drawings;
export const Icon = ({ name }: { name: IconName }) => <svg class="i" viewBox="0 0 16 16" aria-hidden="true">{drawings[name]}</svg>;
export const Logo = () => <svg viewBox="0 0 24 24" aria-hidden="true"><path fill="currentColor" d="M2.5 22V11.5a9.5 9.5 0 0 1 19 0V22h-6v-9.5a3.5 3.5 0 0 0-7 0V22Z" /><path fill="currentColor" opacity=".45" d="M9.8 22v-9.200l3.600 1.800v6.200Z" /></svg>;
