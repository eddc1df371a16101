// Charts are SVG of our own: bars for accepted, deferred and refused; the same numbers stand in a table below.
import type { ComponentChildren } from 'preact';
import { clock, count, day, exact, moment } from '../lib/format';

export interface Bucket { at: string; accepted: number; refused: number; deferred: number }
const kinds = [['accepted', 'f-ok'], ['deferred', 'f-wait'], ['refused', 'f-no']] as const;

/** A round number at or above n, whose half is whole: 2, 4, 6, 8, 10, 20, 50... */
function ceiling(n: number): number {
  if (n <= 10) return 2 * Math.ceil(n / 2);
  let step = 10;
  while (step < n) step *= String(step)[0] === '2' ? 2.5 : 2;
  return step;
}

/** Two neighbours as one, until no more than `most` are left. */
function coarser(buckets: Bucket[], most: number): Bucket[] {
  if (buckets.length <= most) return buckets;
  const pairs: Bucket[] = [];
  for (let i = 0; i < buckets.length; i += 2) {
    const one = buckets[i]!, two = buckets[i + 1];
    pairs.push({ at: one.at, accepted: one.accepted + (two?.accepted ?? 0), refused: one.refused + (two?.refused ?? 0), deferred: one.deferred + (two?.deferred ?? 0) });
  }
  return coarser(pairs, most);
}

/** Drawn at one width, so that the letters keep their size: one for wide screens, one for phones. */
function Drawing({ buckets, step, label, width, height, ticks, class: name }: { buckets: Bucket[]; step: number; label: string; width: number; height: number; ticks: number; class: string }) {
  const bottom = 20, right = 44, top = ceiling(Math.max(2, ...buckets.map((b) => b.accepted + b.refused + b.deferred)));
  const each = (width - right) / Math.max(1, buckets.length);
  const y = (n: number) => (height - bottom) * (1 - n / top) + 4;
  const at = (b: Bucket) => step >= 86_400 ? day(b.at) : step >= 21_600 ? moment(b.at) : clock(b.at).slice(0, 5);
  return <svg class={`chart ${name}`} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
    {[0, 0.5, 1].map((part) => <g key={part}><line class="grid" x1="0" x2={width - right} y1={y(top * part)} y2={y(top * part)} /><text x={width} y={y(top * part) + 4} text-anchor="end">{count(top * part)}</text></g>)}
    {buckets.map((b, i) => { let sum = 0; return kinds.map(([kind, fill]) => { const n = b[kind]; if (!n) return null; sum += n;
      return <rect key={`${i}${kind}`} class={fill} x={i * each + 0.5} width={Math.max(1, each - 1.5)} y={y(sum)} height={Math.max(0.6, y(sum - n) - y(sum))} />; }); })}
    {buckets.map((b, i) => i % Math.ceil(buckets.length / ticks) === 0 ? <text key={b.at} x={i * each} y={height - 2}>{at(b)}</text> : null)}
  </svg>;
}

export function Bars({ buckets, step, label, height = 150 }: { buckets: Bucket[]; step: number; label: string; height?: number }) {
  return <>
    <Drawing buckets={buckets} step={step} label={label} width={640} height={height} ticks={4} class="only-wide" />
    <Drawing buckets={coarser(buckets, 32)} step={step} label={label} width={330} height={132} ticks={3} class="only-phone" />
    <details class="astable"><summary>Show as table</summary><div class="table-wrap scroll" tabIndex={0} role="region" aria-label={label}><table><caption class="vh">{label}</caption><thead><tr><th scope="col">From</th><th scope="col" class="r">Accepted</th><th scope="col" class="r">Deferred</th><th scope="col" class="r">Refused</th></tr></thead>
      <tbody>{buckets.filter((b) => b.accepted + b.refused + b.deferred > 0).map((b) => <tr key={b.at}><th scope="row">{moment(b.at)}</th><td class="r">{exact(b.accepted)}</td><td class="r">{exact(b.deferred)}</td><td class="r">{exact(b.refused)}</td></tr>)}</tbody></table></div></details>
  </>;
}

export function Legend({ totals }: { totals: { accepted: number; refused: number; deferred: number } }) {
  return <p class="legend"><span><span class="key ok" />Accepted <b>{count(totals.accepted)}</b></span><span><span class="key no" />Refused <b>{count(totals.refused)}</b></span><span><span class="key wait" />Deferred <b>{count(totals.deferred)}</b></span></p>;
}

/** Most frequent first; each a link to what it counts. */
export function Ranked({ rows }: { rows: { name: ComponentChildren; n: number; href: string; tone: 'no' | 'wait' }[] }) {
  const top = Math.max(1, ...rows.map((r) => r.n));
  return <ul class="bars">{rows.map((r) => <li key={r.href}><a href={r.href}>{r.name}</a><span class="num">{count(r.n)}</span>
    <svg class="track" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="trk" width="100" height="6" /><rect class={`f-${r.tone}`} width={(100 * r.n) / top} height="6" /></svg></li>)}</ul>;
}
