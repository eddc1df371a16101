// What the pages ask about the controls of a policy, whichever they are.
import type { Schemas } from './api';
import { controls } from './policy-fields';

export { controls } from './policy-fields';

export type Control = (typeof controls)[number];
/** The members of a policy that switch controls on and off. */
export type Switches = Pick<Schemas['PolicyWords'], Control['fields'][0]>;

/** By the name that answers of the API have. */
export const controlLabels: Record<string, string> = Object.fromEntries(controls.map((c) => [c.name, c.label]));

/** "source IP": the label within a sentence. */
export const inSentence = (label: string): string => label.replace(/^[A-Z](?=[a-z])/, (first) => first.toLowerCase());

/** A flag is on, or a list has elements; of a named control, its name. */
export function isOn(policy: Switches, control: Control): boolean {
  const is = policy[control.fields[0]] ?? '';
  return control.named ? String(is).split(',').includes(control.name) : is !== false && is !== '';
}
