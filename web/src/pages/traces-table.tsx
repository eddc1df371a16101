// The rows of decisions. A row that is drawn stays as it is, so that a busy gateway costs a frame little.
import { Component } from 'preact';
import { outcomeOf, At, Foreign, Verdict } from '../parts/basic';
import { Icon } from '../parts/icon';
import { layerName } from './trace-words';
import type { Trace } from '../lib/tail';

/** Remembers the result that a trace is opened from: `[` and `]` go through it. */
function remember(rows: Trace[]): void {
  try { sessionStorage.setItem('traces', JSON.stringify({ ids: rows.map((r) => r.id), from: location.search })); } catch { /* no storage: then there is no previous and next */ }
}

class Row extends Component<{ trace: Trace }> {
  override shouldComponentUpdate(next: { trace: Trace }): boolean { return next.trace !== this.props.trace; }
  override render() {
    const t = this.props.trace;
    return <tr>
      <td><a class="name time" href={`/app/traces/${t.id}`}><At at={t.time} /><span class="vh">: trace of a message from {t.mail_from || 'the null sender'}</span></a></td>
      <td class="nowrap">{t.outcome === 'aborted' ? <Verdict is="none">Aborted</Verdict> : <Verdict is={outcomeOf(t.outcome)} />}
        {t.shadow ? <span class="sub"><span class="v shadow"><Icon name="eye" />shadow<span class="vh"> would have refused it</span></span></span> : null}</td>
      <td class="clip wide"><span class="mono clip">{t.mail_from ? <Foreign text={t.mail_from} /> : '<>'}</span><span class="sub clip">from {t.client_ip}</span></td>
      <td class="clip wide"><span class="mono clip">{t.rcpt_to ? <Foreign text={t.rcpt_to} /> : <span class="muted">no recipient</span>}</span><span class="sub clip">{t.webhook_name || (t.webhook_id ?? 'no webhook')}</span></td>
      <td class="clip wide">{t.reason ? <><span class="clip" title={t.reason.rule}><Foreign text={t.reason.words} /></span><span class="sub clip" title={t.reason.text}><Foreign text={t.reason.text || layerName(t.reason.layer)} /></span></> : <span class="muted">{t.shadow ? 'Nothing enforced objected' : 'Nobody objected'}</span>}</td>
      <td class="reply nowrap wide">{t.code ?? ''} {t.enhanced ?? ''}</td>
    </tr>;
  }
}

export function TraceTable({ rows, zone }: { rows: Trace[]; zone: string }) {
  const opened = (event: MouseEvent) => { if ((event.target as Element).closest('a.name')) remember(rows); };
  return <div class="table-wrap" onClickCapture={opened}><table class="fold decisions"><caption class="vh">Decisions, newest first</caption>
    <thead><tr><th scope="col">Time ({zone})</th><th scope="col">Outcome</th><th scope="col">From</th><th scope="col">To</th><th scope="col">Why</th><th scope="col">Reply</th></tr></thead>
    <tbody>{rows.map((one) => <Row key={one.id} trace={one} />)}</tbody></table></div>;
}
