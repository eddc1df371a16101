// Accepted, refused and deferred over a range, and the reasons as links to what they count.
import { api } from '../lib/api';
import { exact } from '../lib/format';
import { useEvery, useLoad } from '../lib/load';
import { withQuery } from '../lib/router';
import { Card, Foreign, Note } from '../parts/basic';
import { Bars, Legend, Ranked } from '../parts/chart';

type Step = '5m' | '30m' | '6h' | '1d';
export const ranges: Record<string, { short: string; name: string; hours: number; step: Step }> = {
  '1h': { short: '1 h', name: 'Last hour', hours: 1, step: '5m' }, '24h': { short: '24 h', name: 'Last 24 hours', hours: 24, step: '30m' },
  '7d': { short: '7 d', name: 'Last 7 days', hours: 168, step: '6h' }, '30d': { short: '30 d', name: 'Last 30 days', hours: 720, step: '1d' },
};

export function Overview({ range, webhook }: { range: string; webhook: string }) {
  const { name, hours, step } = ranges[range]!;
  const stats = useLoad(`${range}|${webhook}`, (signal) => api.get('/stats', { query: { from: new Date(Date.now() - hours * 3_600_000).toISOString(), step, webhook_id: webhook }, signal }));
  useEvery(60_000, () => void stats.reload());
  const found = stats.data, totals = found?.totals ?? { accepted: 0, refused: 0, deferred: 0 };
  const label = `${name}: ${exact(totals.accepted)} accepted, ${exact(totals.refused)} refused, ${exact(totals.deferred)} deferred. The same numbers are in the table below the chart.`;
  if (stats.error && !found) return <Note tone="wait"><p>The numbers are not available. {stats.error.message}</p></Note>;
  return <div class="cols even">
    <Card title={name} aside={<Legend totals={totals} />}><Bars buckets={found?.buckets ?? []} step={found?.step_seconds ?? 60} label={found ? label : 'Reading the numbers'} height={194} /></Card>
    <Card title="By reason">{found && found.reasons.length ? <Ranked rows={found.reasons.slice(0, 6).map((r) => ({ name: <Foreign text={r.text || r.rule} />, n: r.count, tone: r.outcome === 'deferred' ? 'wait' : 'no',
      href: withQuery({ q: r.query, outcome: r.outcome === 'refused' ? 'rejected' : 'deferred', cursor: null }) }))} /> : <p class="muted small">{found ? 'Nothing was refused.' : ''}</p>}</Card>
  </div>;
}
