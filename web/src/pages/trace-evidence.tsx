// What a decision saw: SPF, DKIM, DMARC and ARC, every DNS answer, every word of a policy server. Strangers wrote nearly all of it.
import { Card, Foreign } from '../parts/basic';
import type { Story } from './trace';

type Open = Record<string, unknown>;
export type Kind = 'spf' | 'dkim' | 'dmarc' | 'arc';
const kinds: Kind[] = ['spf', 'dkim', 'dmarc', 'arc'];
const most = 200;  // rows of a table; the download has them all

const object = (of: unknown): Open => (typeof of === 'object' && of !== null && !Array.isArray(of) ? of as Open : {});
const array = (of: unknown): unknown[] => (Array.isArray(of) ? of : []);
/** A member as text: lists are joined, objects are shown as they came. */
function show(of: unknown): string {
  if (of === null || of === undefined) return '';
  if (Array.isArray(of)) return of.map(show).join(', ');
  return typeof of === 'object' ? JSON.stringify(of) : typeof of === 'boolean' ? (of ? 'yes' : 'no') : String(of);
}

/** Which of the verdicts a rule asks for, when there is one. */
export function kindOf(rule: string, story: Story): Kind | null {
  const found = kinds.find((kind) => rule.toLowerCase().includes(kind)) ?? null;
  return found && story.authentication?.[found] ? found : null;
}

function Table({ caption, heads, rows }: { caption: string; heads: string[]; rows: string[][] }) {
  return <div class="table-wrap" tabIndex={0} role="group" aria-label={caption}><table><thead><tr>{heads.map((h) => <th key={h} scope="col">{h}</th>)}</tr></thead>
    <tbody>{rows.slice(0, most).map((row, i) => <tr key={i}>{row.map((cell, n) => <td key={n}><Foreign text={cell} /></td>)}</tr>)}</tbody></table>
    {rows.length > most ? <p class="small muted">and {rows.length - most} more in the download</p> : null}</div>;
}

/** What else is known of a verdict, a line each. */
function Members({ of, without }: { of: Open; without: string[] }) {
  const rest = Object.entries(of).filter(([name, value]) => !without.includes(name) && show(value) !== '');
  return rest.length ? <dl class="facts members">{rest.map(([name, value]) => <><dt>{name.replaceAll('_', ' ')}</dt><dd><Foreign class="mono" text={show(value)} /></dd></>)}</dl> : null;
}

function Spf({ of }: { of: Open }) {
  const terms = array(of.terms ?? of.steps);
  return <>{of.text ? <p class="why"><Foreign text={show(of.text)} /></p> : null}
    {terms.length ? <Table caption="SPF, term by term" heads={['Step', 'Term', 'Outcome']} rows={terms.map((t, i) => { const one = object(t); return [String(i + 1), show(one.term ?? one.mechanism ?? (typeof t === 'string' ? t : '')), show(one.outcome ?? one.result ?? one.text)]; })} /> : null}
    <Members of={of} without={['text', 'terms', 'steps', 'result']} /></>;
}

function Dkim({ of }: { of: unknown }) {
  const list = array(of);
  if (list.length === 0) return <p class="why">The message has no signature.</p>;
  return <ol class="signatures">{list.slice(0, 50).map((s, i) => { const one = object(s); return <li key={i}>{one.text ? <p class="why"><Foreign text={show(one.text)} /></p> : <p class="why">{show(one.result)}</p>}<Members of={one} without={['text', 'result']} /></li>; })}</ol>;
}

const results = (of: unknown): string => Array.isArray(of) ? (of.length === 1 ? '1 signature' : `${of.length} signatures`) + ': ' + ([...new Set(of.map((s) => show(object(s).result)))].join(', ') || 'none') : show(object(of).result) || 'none';

export function AuthFold({ kind, story, open }: { kind: Kind; story: Story; open?: boolean }) {
  const of = story.authentication?.[kind];
  if (of === null || of === undefined) return null;
  return <details class="ev" open={open}><summary>{kind.toUpperCase()}: {results(of)}</summary>
    {kind === 'dkim' ? <Dkim of={Array.isArray(of) ? of : object(of).signatures} /> : kind === 'spf' ? <Spf of={object(of)} /> : <>{object(of).text ? <p class="why"><Foreign text={show(object(of).text)} /></p> : null}<Members of={object(of)} without={['text', 'result']} /></>}</details>;
}

function Dns({ list }: { list: Open[] }) {
  const caption = list.length === 1 ? '1 DNS answer' : `${list.length} DNS answers`;
  return <details class="ev"><summary>{caption}</summary><Table caption={caption} heads={['Question', 'Type', 'Answer', 'TTL', 'Status', 'DNSSEC']}
    rows={list.map((d) => [d.shadow === true ? `${show(d.name)} (shadow)` : show(d.name), show(d.type), array(d.records).map(show).join('\n') || '–', d.ttl === undefined ? '' : `${show(d.ttl)} s`, show(d.status), d.secure === true ? 'secure' : d.secure === false ? 'none' : show(d.dnssec)])} /></details>;
}

function Servers({ list }: { list: Open[] }) {
  const caption = list.length === 1 ? '1 answer of a policy server' : `${list.length} answers of policy servers`;
  return <details class="ev"><summary>{caption}</summary><Table caption={caption} heads={['Server', 'Answer', 'Asked']}
    rows={list.map((one) => [one.shadow === true ? `${show(one.service)} (shadow)` : show(one.service), one.failed ? `failed: ${show(one.answer)}` : show(one.answer), show(one.request)])} /></details>;
}

export function Evidence({ story }: { story: Story }) {
  const dns = (story.dns ?? []) as Open[], servers = (story.policy_answers ?? []) as Open[], seen = kinds.filter((kind) => story.authentication?.[kind]);
  if (!dns.length && !servers.length && !seen.length) return null;
  return <Card title="Evidence"><div class="evidence">{seen.map((kind) => <AuthFold key={kind} kind={kind} story={story} />)}{dns.length ? <Dns list={dns} /> : null}{servers.length ? <Servers list={servers} /> : null}</div></Card>;
}
