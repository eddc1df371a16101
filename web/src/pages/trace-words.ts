// The words of decisions, as the pages say them.
import type { IconName } from '../parts/icon';
import type { Story } from './trace';

const layers: Record<string, string> = { webhook: 'webhook policy', gateway: 'gateway', restrictions: 'restriction list', lua: 'Lua', vsl: '.vsl script', auth: 'SMTP AUTH', delivery: 'delivery' };
export const layerName = (layer: string): string => layers[layer] ?? layer;

export interface Tone { tone: 'ok' | 'no' | 'wait' | 'none' | 'shadow'; icon: IconName; word: string }
/** Layers whose checks each must hold: what does not object has passed. In lists it is the next rule's turn. */
const checks = new Set(['webhook', 'gateway', 'auth']);
/** What a rule or a layer said; in shadow mode it is said only. */
export function toneOf(verdict: string | undefined, layer: string, shadow = false): Tone {
  const given = (verdict || 'pass_on').toLowerCase(), word = given === 'pass_on' && checks.has(layer) ? 'pass' : given;
  const [tone, icon, said] = /^(reject|refuse|fail)/.test(word) ? ['no', 'cross', 'refuse'] as const : /^(defer|temp)/.test(word) ? ['wait', 'clock', 'defer'] as const
    : word === 'quarantine' ? ['wait', 'pause', 'quarantine'] as const : /^(permit|pass|accept|ok)$/.test(word) ? ['ok', 'check', word] as const : ['none', 'minus', word === 'pass_on' ? 'next' : word] as const;
  if (shadow) return { tone: 'shadow', icon: 'eye', word: tone === 'ok' || tone === 'none' ? said : `would ${said}` };
  return { tone, icon, word: said };
}

export interface ShadowRefusal { stage: string; layer: string; name: string; verdict: string; reply: string; saw: string }
/** What shadow layers would have answered: the first step of each that refuses, defers or quarantines. */
export function shadowRefusals(stages: Story['stages']): ShadowRefusal[] {
  return stages.flatMap((stage) => stage.decisions.flatMap((decision) => decision.layers.filter((layer) => layer.mode === 'shadow').flatMap((layer) => {
    const step = layer.steps.find((one) => /^(reject|defer|quarantine)/.test(one.verdict));
    return step ? [{ stage: stage.stage, layer: layer.layer, name: layer.name ?? '', verdict: toneOf(step.verdict, layer.layer, true).word, reply: step.text ?? '', saw: step.evidence ?? '' }] : [];
  })));
}
