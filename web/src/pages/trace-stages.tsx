// The way of a message: the rail of stages, then each stage with its layers and rules in the order in which they were asked.
import { clock, took } from '../lib/format';
import { Foreign, Verdict, Ago } from '../parts/basic';
import { Icon, type IconName } from '../parts/icon';
import { AuthFold, kindOf } from './trace-evidence';
import type { Story } from './trace';
import { layerName, shadowRefusals, toneOf } from './trace-words';

type Stage = Story['stages'][number];
type Decision = Stage['decisions'][number];
type Layer = Decision['layers'][number];
type Effect = Decision['effects'][number];
type Step = Layer['steps'][number];

const states: Record<Stage['state'], { line: string; icon: IconName; word: string }> = {
  passed: { line: 'ok', icon: 'check', word: 'passed' }, refused: { line: 'stop', icon: 'cross', word: 'refused here' }, deferred: { line: 'stop wait', icon: 'clock', word: 'deferred here' },
  skipped: { line: 'skipped', icon: 'minus', word: 'skipped' }, not_reached: { line: 'after', icon: 'minus', word: 'not reached' },
};
const shadowed = { line: 'shadowed', icon: 'eye', word: 'passed; shadow mode would have stopped it here' } as const;
/** How a stage is drawn: one that passed is violet where a shadow layer would have stopped the message. */
const stateOf = (stage: Stage) => stage.state === 'passed' && shadowRefusals([stage]).length ? shadowed : states[stage.state];
const idOf = (stage: Stage) => `stage-${stage.stage}`;
/** Opens the fold that a link of the rail leads to. */
const open = (id: string) => { const fold = document.getElementById(id); if (fold instanceof HTMLDetailsElement) fold.open = true; };

export function Rail({ story }: { story: Story }) {
  return <section class="card" aria-label="The message’s way"><div class="body"><ol class="rail">{story.stages.map((one) => {
    const { line, icon, word } = stateOf(one), code = String((one.stage === 'delivery' && deliveriesOf(story).at(-1)?.http_status) || one.code || '');
    const inside = <><span class="node"><Icon name={icon} /></span><b aria-hidden="true">{one.stage}</b><small aria-hidden="true">{code || (one.state === 'passed' ? (one.stage === 'delivery' ? 'none yet' : 'none') : one.state.replace('_', ' '))}</small><span class="vh">{one.stage}: {word}{code ? `, ${code}` : ''}</span></>;
    return <li key={one.stage} class={line}>{one.state === 'not_reached' ? <span class="stop-link">{inside}</span> : <a href={`#${idOf(one)}`} onClick={() => open(idOf(one))}>{inside}</a>}</li>;
  })}</ol></div></section>;
}

export function Stages({ story }: { story: Story }) {
  return <section class="card flow" aria-label="Stages">{story.stages.filter((one) => one.state !== 'not_reached').map((one) => <OneStage key={one.stage} stage={one} story={story} />)}</section>;
}

function OneStage({ stage, story }: { stage: Stage; story: Story }) {
  const { line, icon, word } = stateOf(stage), stops = stage.state === 'refused' || stage.state === 'deferred';
  const layers = stage.decisions.some((d) => d.layers.length > 0), delivery = stage.stage === 'delivery';
  return <details class={`stage ${line}`} id={idOf(stage)} open={stops || line === 'shadowed' || story.decided_by?.stage === stage.stage || delivery}>
    <summary><span class="knob"><Icon name={icon} /></span><h3>{stage.stage}<span class="vh">: {word}</span></h3><span class="muted small"><Foreign text={stage.summary} /></span><span class="ms">{stage.took_ns ? took(stage.took_ns) : '–'}</span></summary>
    {stage.decisions.map((one, i) => <OneDecision key={i} decision={one} several={stage.decisions.length > 1} stage={stage} story={story} />)}
    {delivery ? <Deliveries story={story} /> : layers ? null : <p class="small muted mt">No layer has a rule for this stage.</p>}
  </details>;
}

function OneDecision({ decision, several, stage, story }: { decision: Decision; several: boolean; stage: Stage; story: Story }) {
  if (decision.hidden) return <p class="small muted mt">Judged for a recipient of another account.</p>;
  const { reply } = decision, refused = reply && reply.code >= 400, told = reply ? `${reply.code} ${reply.enhanced} ${reply.text}` : '';
  return <div class="decision">
    {several && decision.recipient ? <h4 class="small"><Foreign class="mono" text={decision.recipient} />{decision.took_ns ? <span class="muted"> {took(decision.took_ns)}</span> : null}</h4> : null}
    {decision.layers.map((layer, i) => <OneLayer key={i} layer={layer} told={told} stage={stage} story={story} />)}
    {decision.effects.length ? <Effects list={decision.effects} /> : null}
    {reply && (refused || several) ? <p class="reply mt"><Icon name={refused ? 'arrow' : 'check'} /> <Foreign text={told} /></p> : null}
  </div>;
}

const effects: Record<Effect['effect'], string> = {
  grant_relay: 'May be relayed', trust_client: 'The client counts as one of ours', discard: 'Accepted and discarded', hold: 'Held', edit: 'Message changed', offer: 'EHLO offers other extensions',
};

/** What layers did beyond their verdicts, each with its place. */
function Effects({ list }: { list: Effect[] }) {
  return <div class="layer"><div class="layer-h"><b>Effects</b></div>
    <ul class="rules">{list.map((one, i) => <li key={i}><span class={one.enforced ? 'ok' : 'muted'}><Icon name={one.enforced ? 'check' : 'eye'} /></span>
      <span>{effects[one.effect]}, by {layerName(one.layer)}{one.rule ? <> <code>{one.rule}</code></> : null}{one.origin ? <> <span class="origin"><Foreign text={one.place ? `${one.origin}, ${one.place}` : one.origin} /></span></> : null}</span>
      <span class="nowrap">{one.enforced ? 'applied' : 'shadow: not applied'}</span>
      {one.text ? <span class="why"><Foreign text={one.text} /></span> : null}</li>)}</ul></div>;
}

const decides = (layer: Layer, step: Step, stage: Stage, story: Story) => {
  const by = story.decided_by;
  return !!by && layer.mode !== 'shadow' && by.stage === stage.stage && by.layer === layer.layer && by.rule === step.rule && /^(reject|refuse|fail|defer|quarantine)/i.test(step.verdict);
};

function OneLayer({ layer, told, stage, story }: { layer: Layer; told: string; stage: Stage; story: Story }) {
  const shadow = layer.mode === 'shadow', said = toneOf(layer.verdict, layer.layer, shadow), stops = layer.steps.some((step) => decides(layer, step, stage, story));
  const name = layerName(layer.layer);
  return <div class={`layer ${stops ? `stop ${said.tone}` : ''}`}>
    <div class="layer-h"><b>{name.charAt(0).toUpperCase() + name.slice(1)}</b>{layer.name ? <span class="src"><Foreign text={layer.name} /></span> : null}{shadow ? <span class="tag shadow">shadow</span> : null}
      {layer.verdict ? <span class={`v ${said.tone}`}><Icon name={said.icon} />{said.word === 'next' ? 'no objection' : said.word}</span> : null}</div>
    <ul class="rules">{layer.steps.map((step, i) => <OneStep key={i} step={step} layer={layer.layer} told={told} shadow={shadow} decides={decides(layer, step, stage, story)} story={story} />)}</ul>
    {shadow ? <p class="shadow-note small">Shadow rules are evaluated and recorded; they never answer.</p> : null}
  </div>;
}

/** `told`: the reply of the whole decision, which stands below all layers. */
function OneStep({ step, layer, shadow, decides: deciding, told, story }: { step: Step; layer: string; shadow: boolean; decides: boolean; told: string; story: Story }) {
  const quiet = shadow || step.enforced === false, said = toneOf(step.verdict, layer, quiet), saw = step.evidence || step.text || '', answer = step.evidence && step.text && step.text !== told ? step.text : '';
  const kind = deciding ? kindOf(step.rule, story) : null;
  return <li><span class={said.tone}><Icon name={said.icon} /></span><span><code>{step.rule}</code>{step.origin ? <> <span class="origin"><Foreign text={step.place ? `${step.origin}, ${step.place}` : step.origin} /></span></> : null}</span>
    <span class={`${said.tone} nowrap`}>{said.word}</span>
    {saw.length > 300 ? <details class="ev"><summary>What it saw</summary><pre class="term" tabIndex={0}><Foreign text={saw} /></pre></details> : saw ? <span class="why"><Foreign text={saw} /></span> : null}
    {answer ? <span class="why">{quiet ? 'Would answer' : 'Answers'} <Foreign class="mono" text={answer} /></span> : null}
    {step.spent && !saw.includes(step.spent) ? <span class="why small">Spent: <Foreign text={step.spent} /></span> : null}
    {kind ? <AuthFold kind={kind} story={story} open /> : null}
  </li>;
}

/** The attempts, oldest first: a refusal is a log record too, and no delivery. */
const deliveriesOf = (story: Story) => (story.deliveries ?? []).filter((one) => one.kind !== 'rejection').sort((a, b) => (a.created_at < b.created_at ? -1 : 1));

/** What the webhooks' endpoints answered. */
function Deliveries({ story }: { story: Story }) {
  const list = deliveriesOf(story);
  if (list.length === 0) return <p class="small muted mt">No attempt is recorded yet.</p>;
  return <ul class="rules deliveries">{list.map((one) => {
    const done = one.http_status !== null && one.http_status < 300 && !one.error, waits = !!one.next_attempt_at;
    const name = story.recipients?.find((r) => r.webhook_id === one.webhook_id)?.webhook_name ?? 'webhook';
    return <li key={one.id}><span class={done ? 'ok' : waits ? 'wait' : 'no'}><Icon name={done ? 'check' : waits ? 'clock' : 'cross'} /></span>
      <span><a class="inline-link" href={`/app/webhooks/${one.webhook_id}/logs`}>{name}</a> answered {one.http_status ? <code>HTTP {one.http_status}</code> : 'nothing'}</span>
      <span class="nowrap"><Verdict is={done ? 'accepted' : waits ? 'deferred' : 'refused'}>{done ? 'Delivered' : waits ? 'Waits' : 'Not delivered'}</Verdict></span>
      {one.error ? <span class="why"><Foreign text={one.error} /></span> : null}
      <span class="why small">{one.attempt ? `attempt ${one.attempt}, ` : ''}<time dateTime={one.created_at}>{clock(one.created_at)}</time>{one.duration_ms !== null && one.duration_ms !== undefined ? `, ${one.duration_ms} ms` : ''}{one.next_attempt_at ? <>, next <Ago at={one.next_attempt_at} /></> : null}</span></li>;
  })}</ul>;
}
