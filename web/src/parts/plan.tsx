// What an edit changes, beside the button that saves it: the server's sentence, a dialogue that shows it, and recorded mail decided again.
import { useState } from 'preact/hooks';
import { api, ApiError, type Schemas } from '../lib/api';
import { exact, many } from '../lib/format';
import { opensRelay, testOf, type Plan, type Planned, type PlanWitness } from '../lib/plan';
import type { Result } from '../lib/replay-result';
import { me, mayWrite } from '../lib/session';
import { Card, Foreign, Note } from './basic';
import { Icon } from './icon';

type Draft = Schemas['ReplayStart']['draft'];

/** The sentence of a plan, and what stands in its way. */
export function Sentence({ plan }: { plan: Plan }) {
  const red = opensRelay(plan), tone = plan.answer === 'same' ? 'ok' : red ? 'no' : 'wait';
  const broken = plan.guardrail_broken ? (plan.guardrails as { name: string | null; result: string }[]).filter((one) => one.result !== 'holds') : [];
  return <div class="stack gap-s">
    {red ? <p class="v no wrap"><Icon name="cross" /><span>Clients that do not sign in reach destinations that are not yours.</span></p> : null}
    <p class={`v ${tone} wrap`}><Icon name={tone === 'ok' ? 'check' : 'warning'} /><span>{plan.sentence}</span></p>
    {broken.length ? <p class="v no wrap"><Icon name="cross" /><span>{broken.map((one) => one.name ? `The guardrail ${one.name} would be ${one.result === 'violated' ? 'broken' : 'not proved'}` : 'An operator’s guardrail forbids it').join('. ')}. It cannot be saved.</span></p> : null}
    {plan.witnesses.map((witness, i) => <Shown key={i} witness={witness} />)}
  </div>;
}

const said = (side: PlanWitness['old']): string => {
  const reply = side.reply as { code: number; enhanced: string; text: string } | undefined;
  return side.verdict === 'taken' ? `250, taken${side.handling === 'deliver' ? '' : `, ${String(side.handling)}`}${side.route ? `, route ${String(side.route)}` : ''}` : `${reply?.code} ${reply?.enhanced} ${reply?.text}`;
};
const kinds: Record<string, string> = { refuses_more: 'newly refused', accepts_more: 'newly accepted', handling: 'handled differently', replies: 'another reply' };

function Shown({ witness }: { witness: PlanWitness }) {
  const keep = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([testOf(witness)], { type: 'text/plain' }));
    link.download = 'witness.ptest';
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const rule = (side: PlanWitness['old']) => side.rule ? <small class="muted">{String(side.rule)}{side.at ? ` at ${String(side.at)}` : ''}{side.row ? <>, row <Foreign text={side.row} /></> : null}</small> : null;
  return <details class="astable"><summary>Show one: {kinds[witness.kind] ?? witness.kind}</summary>
    <ol class="dialogue">
      <li><span class="who">C</span><span>from {witness.client}{witness.helo ? `, EHLO ${String(witness.helo)}` : ', no HELO'}{witness.auth ? `, signed in as ${witness.auth}` : ''}</span></li>
      <li><span class="who">C</span><span>MAIL FROM:&lt;{witness.mail_from}&gt;</span></li><li><span class="who">C</span><span>RCPT TO:&lt;{witness.rcpt_to}&gt;</span></li></ol>
    <dl class="facts"><dt>Now</dt><dd>{said(witness.old)} {rule(witness.old)}</dd><dt>With this edit</dt><dd>{said(witness.new)} {rule(witness.new)}</dd></dl>
    <div class="actions"><button type="button" class="btn sm" onClick={keep}>Keep as a test</button></div></details>;
}

/** How much recorded mail the draft decides otherwise. */
export function BlastRadius({ draft }: { draft: Draft }) {
  const [state, setState] = useState<{ of: string; text: string; busy: boolean }>({ of: '', text: '', busy: false });
  const of = JSON.stringify(draft);
  const run = async () => {
    setState({ of, text: 'Deciding recorded mail again…', busy: true });
    try {
      const { id } = await api.post('/replay', { body: { draft, since: '24h', samples: 0 } });
      for (;;) {
        const now = await api.get('/replay/{id}', { path: { id: id! } });
        if (now.status === 'running') { await new Promise((done) => setTimeout(done, 300)); continue; }
        const result = now.result as Result | undefined;
        setState({ of, busy: false, text: result ? `Last 24 hours: ${many(result.counts.same, 'decision')} the same, ${exact(result.counts.newly_accepted)} newly accepted, ${exact(result.counts.newly_refused)} newly refused${result.counts.undecidable ? `, ${exact(result.counts.undecidable)} cannot be told` : ''}.` : now.error ?? 'It was stopped.' });
        return;
      }
    } catch (error) { setState({ of, busy: false, text: error instanceof ApiError ? error.message : String(error) }); }
  };
  if (!me.value?.operates_gateway || !mayWrite.value) return null;
  return <div class="stack gap-s">{state.of === of && state.text ? <p class="small" role="status">{state.text}</p> : null}
    {state.of === of && state.text ? null : <div><button type="button" class="btn sm" onClick={() => void run()}><Icon name="again" />Count recorded mail</button></div>}</div>;
}

/** The card beside an editor. */
export function WhatItChanges({ planned, draft }: { planned: Planned; draft?: Draft }) {
  return <Card title="What saving changes"><div class="stack gap-s" aria-live="polite">
    {planned.plan ? <Sentence plan={planned.plan} /> : planned.trouble ? <Note><p>{planned.trouble}</p></Note> : <p class="small muted">Comparing with what runs…</p>}
    {planned.plan && draft ? <BlastRadius draft={draft} /> : null}</div></Card>;
}
