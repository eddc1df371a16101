// What is proven of the lists: open or closed, and the shortest dialogue that shows it.
import type { ComponentChildren } from 'preact';
import { causeOf, letsPass, type Lint } from '../lib/restrictions';
import { many } from '../lib/format';
import { Card, CopyButton, Fact, Facts, Note, Verdict } from './basic';
import { Icon } from './icon';

/** "C: EHLO x" as speaker and words. The last 250 is where a stranger's mail is taken. */
export function Witness({ lines, keyed }: { lines: string[]; keyed: boolean }) {
  const client = lines.find((l) => l.startsWith('client '));
  const provided = lines.find((l) => l.startsWith('provided that '));
  const said = lines.filter((l) => /^[CS]: /.test(l));
  const why = lines.filter((l) => l !== client && l !== provided && !said.includes(l));
  const rcpt = said.findIndex((l) => l.startsWith('C: RCPT'));
  return <Card title="Witness" aside={client ? <span class="muted small">{client}</span> : null}><div class="stack gap-s">
    <p class="small muted">{keyed ? 'A session that is let through for a listed key:' : 'The shortest session in which a stranger sends through these lists:'}</p>
    {provided ? <p class="small">{provided.charAt(0).toUpperCase() + provided.slice(1)}.</p> : null}
    <ol class="dialogue">{said.map((line, i) => <li key={i} class={i === said.length - 1 && !keyed ? 'bad' : undefined}><span class="who">{line[0]}</span><span>{line.slice(3)}
      {i === rcpt && !keyed ? <small>a domain that is not yours</small> : null}{i === said.length - 1 ? <small>{keyed ? 'relayed, because a list names it' : 'relayed for a stranger'}</small> : null}</span></li>)}</ol>
    {why.length ? <details class="astable"><summary>Why each list lets it pass</summary><ul class="plain small">{why.map((w) => <li key={w} class="mono">{w}</li>)}</ul></details> : null}
    <div><CopyButton text={lines.join('\n')} label="the session" word="Copy" /></div>
  </div></Card>;
}

const Warn = ({ children }: { children: ComponentChildren }) => <span class="v wait"><Icon name="warning" />{children}</span>;

export function Proof({ lint, written, parameters, keys }: { lint: Lint; written: string[]; parameters: { name: string; value: string }[]; keys: string[] }) {
  const complete = written.filter((name) => lint.lists[name]?.complete).length;
  const value = (...names: string[]) => parameters.filter((p) => names.includes(p.name.trim())).map((p) => p.value).join(', ');
  const errors = lint.marks.filter((m) => m.severity === 'error').length;
  return <Card title="Proof"><Facts>
    <Fact name="Relay">{lint.open_relay === 'yes' ? <Verdict is="refused">Open</Verdict> : lint.open_relay === 'keyed' ? <Warn>For listed keys</Warn> : <Verdict is="accepted">Closed</Verdict>}</Fact>
    {keys.length ? <Fact name="Keys"><span class="mono">{keys.join(', ')}</span></Fact> : null}
    <Fact name="Errors">{errors ? <Verdict is="refused">{many(errors, 'error')}</Verdict> : <Verdict is="accepted">None</Verdict>}</Fact>
    <Fact name="Complete">{written.length ? complete === written.length ? <Verdict is="accepted">{complete} of {many(written.length, 'list')}</Verdict> : <Warn>{complete} of {many(written.length, 'list')}</Warn> : <span class="muted">no list is written</span>}</Fact>
    <Fact name="Unreachable">{lint.unreachable.length ? <Warn>{many(lint.unreachable.length, 'rule')}</Warn> : <Verdict is="accepted">None</Verdict>}</Fact>
    <Fact name="Postfix">{lint.starts ? 'would serve with them' : <Warn>would not start with them</Warn>}</Fact>
    <Fact name="AUTH">{value('smtpd_sasl_auth_enable').trim() === 'yes' ? 'offered' : <span class="v wait wrap"><Icon name="warning" /><span>Not offered: <code>smtpd_sasl_auth_enable</code> is no, and policies that require SMTP AUTH refuse all mail</span></span>}</Fact>
    <Fact name="Networks"><span class="mono">{value('mynetworks') || 'the default'}</span></Fact>
    <Fact name="Domains"><span class="mono">{value('mydestination', 'relay_domains', 'virtual_mailbox_domains', 'virtual_alias_domains') || 'the default'}</span></Fact>
  </Facts></Card>;
}

/** Moves to a field, also where its list is folded away. */
function show(field: string): void {
  const found = document.getElementById(field), fold = found?.closest('details');
  if (fold) fold.open = true;
  found?.focus();
  found?.scrollIntoView({ block: 'center' });
}

/** The one sentence on top; null where all is well. */
export function Standing({ lint, running, parameters }: { lint: Lint; running: string; parameters: { name: string; value: string }[] }) {
  if (lint.open_relay === 'yes') {
    const cause = causeOf(lint, parameters);
    return <Note tone="no" role="status"><strong>These lists relay mail for strangers.</strong> {cause ? <>The cause is <a href={`#${cause.field}`} onClick={(e) => { e.preventDefault(); show(cause.field); }}><code>{cause.at}</code></a>: {cause.says}. </> : null}Saving is refused. {running}</Note>;
  }
  const errors = lint.marks.filter((m) => m.severity === 'error').length;
  if (!lint.ok) return <Note tone="no" role="status"><strong>These lists cannot be used.</strong> {errors ? `${many(errors, 'error')} ${errors === 1 ? 'is' : 'are'} marked below.` : ''} {running}</Note>;
  if (lint.open_relay === 'keyed') return <Note tone="wait" role="status"><strong>Closed except for listed keys.</strong> The witness shows one that gets through.</Note>;
  return null;
}

export function ListTag({ lint, list, text }: { lint: Lint | null; list: string; text: string }) {
  const one = lint?.lists[list];
  if (!one) return null;
  const errors = one.marks.filter((m) => m.severity === 'error');
  if (errors.some((m) => m.code === 'R110')) return <span class="tag no"><Icon name="warning" />Open relay</span>;
  if (errors.length) return <span class="tag no"><Icon name="cross" />{many(errors.length, 'error')}</span>;
  if (lint && letsPass(lint, list)) return <span class="tag no"><Icon name="warning" />Lets strangers pass</span>;
  if (!text.trim()) return <span class="tag">Default</span>;
  // While strangers get through nothing is green.
  return one.complete ? <span class={`tag ${lint?.open_relay === 'yes' ? '' : 'ok'}`}><Icon name="check" />Complete</span> : <span class="tag wait"><Icon name="warning" />Not complete</span>;
}
