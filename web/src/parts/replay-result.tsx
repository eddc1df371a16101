// A finished replay: four numbers, the samples under the rule that made the difference, and what could not be decided.
import type { ComponentChildren } from 'preact';
import { exact, many } from '../lib/format';
import { hardestHit, ruleOf, rowsOf, sameRule, sendersOf, text, type Change, type Kind, type Result, type Row } from '../lib/replay-result';
import { Card, Foreign, Note, outcomeOf, Verdict } from './basic';
import { Icon } from './icon';

const layers: Record<string, string> = { restrictions: 'of the lists', webhook: 'of a policy' };

function who(change: Change, n: number): string {
  if (!n) return '';
  const all = change.samples.length >= n;
  return `${all ? '' : 'at least '}${many(sendersOf(change), 'sender')}, ${many(change.rules.length, 'rule')}`;
}

export function Numbers({ result }: { result: Result }) {
  const { counts, changes } = result;
  const share = result.decisions ? (100 * counts.same) / result.decisions : 0;
  const tile = (name: string, n: number, tone: string, says: ComponentChildren) => <div><dt>{name}</dt><dd class={n ? tone : ''}>{exact(n)}</dd><dd>{says}</dd></div>;
  return <section class="card" aria-label="Result"><dl class="tiles">
    {tile('Newly refused', counts.newly_refused, 'no', who(changes.newly_refused, counts.newly_refused))}
    {tile('Newly accepted', counts.newly_accepted, 'ok', who(changes.newly_accepted, counts.newly_accepted))}
    {tile('Unchanged', counts.same, '', <>{share.toFixed(share === 100 || share < 10 ? 0 : 1)} % of {many(result.decisions, 'decision')}{counts.changed ? `; ${exact(counts.changed)} with a different reply` : ''}</>)}
    {tile('Cannot tell', counts.undecidable, 'wait', counts.undecidable ? 'the draft asks for what was not recorded' : '')}
  </dl></section>;
}

/** The answer's own words are long: the codes stand here, the rest in the title. */
function Answer({ words }: { words: string }) {
  const is = words.startsWith('accepted') ? 'accepted' : outcomeOf(words.startsWith('4') ? 'deferred' : words.startsWith('5') ? 'refused' : '');
  const code = /^\d{3}( \d\.\d+\.\d+)?/.exec(words)?.[0];
  if (is === 'none') return <span class="v none"><Foreign text={words} /></span>;
  return <span title={words}><Verdict is={is}>{is === 'accepted' ? words.charAt(0).toUpperCase() + words.slice(1) : `${is === 'deferred' ? 'Deferred' : 'Refused'} ${code ?? ''}`}</Verdict></span>;
}

function Pair({ row: { sample, n } }: { row: Row }) {
  return <tr><td class="wide"><Foreign class="mono" text={text(sample.mail_from) || '<>'} /><span class="sub">from {sample.client_ip}{n > 1 ? ` · ${many(n, 'message')}` : ''} · at {sample.stage}</span></td>
    <td class="wide w-change"><span class="arrow"><Answer words={text(sample.recorded)} /><span class="muted"><Icon name="arrow" /><span class="vh">becomes</span></span><Answer words={text(sample.draft)} /></span></td>
    <td class="r wide nowrap"><a href={`/app/traces/${sample.trace_id}`}>Trace<span class="vh"> of {text(sample.mail_from) || 'the null sender'}</span></a></td></tr>;
}

const titles: Record<Kind, string> = { newly_refused: 'Newly refused', newly_accepted: 'Newly accepted', changed: 'Different reply' };

export function Samples({ kind, result }: { kind: Kind; result: Result }) {
  const change = result.changes[kind], n = result.counts[kind];
  if (!n) return null;
  return <Card plain title={<>{titles[kind]} <span class="muted num">{exact(n)}</span></>}>{change.rules.map(({ rule, count }) => {
    const rows = rowsOf(change.samples.filter((s) => sameRule(ruleOf(s), rule)));
    const name = rule?.check ?? 'no rule', shown = rows.reduce((sum, r) => sum + r.n, 0);
    return <div key={name + text(rule?.origin)}><div class="group"><span><code>{name}</code> <span class="muted">{rule ? `${layers[rule.layer] ?? rule.layer} ` : ''}{text(rule?.origin)}</span></span><b class="num">{exact(count)}</b></div>
      {rows.length ? <div class="table-wrap"><table class="fold pairs"><caption class="vh">{titles[kind]} by {name}</caption><thead class="vh"><tr><th scope="col">Sender</th><th scope="col">Change</th><th scope="col">Trace</th></tr></thead><tbody>{rows.map((r) => <Pair row={r} key={r.sample.trace_id + r.sample.stage} />)}</tbody></table></div> : null}
      {shown < count ? <p class="body small muted more">{exact(count - shown)} more are counted and not shown.</p> : null}</div>;
  })}</Card>;
}

/** Which part of the result is by today's DNS. */
export function AskedNow({ result }: { result: Result }) {
  const n = result.dns_questions ?? 0;
  if (!n) return null;
  return <Note><p><strong>DNS was asked today.</strong> The draft needs {many(n, 'answer')} that the records do not have; decisions by them are by the DNS of today, not of then.</p></Note>;
}

export function Matrix({ result }: { result: Result }) {
  const { newly_refused, newly_accepted, changed, same, undecidable } = result.counts;
  const row = (then: string, draft: string, n: number, tone = '') => <tr><th scope="row">{then}</th><td>{draft}</td><td class={n && tone ? `hit ${tone}` : 'same'}>{exact(n)}</td></tr>;
  return <Card plain title="Then and with the draft"><div class="table-wrap"><table class="matrix"><caption class="vh">What happened then, what the draft would do, and how many decisions</caption><thead><tr><th scope="col">Then</th><th scope="col">Draft</th><th scope="col">Decisions</th></tr></thead><tbody>
    {row('Accepted', 'Refused', newly_refused, 'no')}{row('Not accepted', 'Accepted', newly_accepted, 'ok')}{row('Any', 'Other reply', changed)}{row('Any', 'The same', same)}{row('Any', 'Cannot tell', undecidable)}
  </tbody></table></div></Card>;
}

export function Undecidable({ result }: { result: Result }) {
  if (!result.undecidable.length) return null;
  return <Card title={<>Cannot tell <span class="muted num">{exact(result.counts.undecidable)}</span></>}><div class="stack gap-s"><p class="small muted">Nothing is guessed: the draft needs evidence that was not recorded. Save it in shadow mode for a day: then it is recorded, and nothing is refused.</p>
    <ul class="plain small">{result.undecidable.map((u) => <li key={text(u.missing)}><b class="num">{exact(u.count)}</b> {text(u.missing)}{u.example ? <>, such as <Foreign class="mono" text={text(u.example)} /></> : null}</li>)}</ul></div></Card>;
}

export function HardestHit({ result }: { result: Result }) {
  const hit = hardestHit(result.changes.newly_refused);
  if (!hit) return null;
  const all = result.changes.newly_refused.samples.length >= result.counts.newly_refused;
  return <Note tone="wait"><strong>Look at <Foreign text={hit.sender || 'the null sender'} />.</strong> {many(hit.n, 'decision')} for {hit.n === 1 ? 'it' : 'its mail'} would be refused{all ? '' : ', among those shown'}.</Note>;
}
