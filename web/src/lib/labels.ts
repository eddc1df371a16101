// The API's fields and sentences as people read them: in a form, a field has a label and an element of a list is a line.
import { controls, fields } from './policy-fields';

export const labels: Record<string, string> = Object.fromEntries(fields.map((field) => [field.name, field.label]));

/** "client_ip" as "Client IP": for a field whose label is on another page. */
export function labelOf(field: string): string {
  if (labels[field]) return labels[field]!;
  const words = field.replace(/_/g, ' ').replace(/\b(ip|url|id|helo|tls)\b/g, (word) => word.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const known: [RegExp, string][] = [
  [/^is empty while require_smtp_auth is true.*/, 'Add at least one user, or switch SMTP AUTH off'],
  ...controls.map(({ fields, label }): [RegExp, string] => [new RegExp(`^has no effect while ${fields[0]} is false.*`), `These domains have no effect while ${label} is not required: switch it on, or empty the list`]),
];

/** A sentence of the server about one field, without the API's names. */
export function inWords(sentence: string): string {
  for (const [is, words] of known) if (is.test(sentence)) return words;
  return sentence.replace(/\belement (\d+)/g, 'line $1').replace(/`([^`]*)`/g, '$1');
}

/** What a refused request says where no field stands beside it. */
export const told = (fields: Record<string, string>): string => Object.entries(fields).map(([field, text]) => `${labelOf(field)}: ${inWords(text)}`).join('. ');
