// The search of traces: words as `from:`, which the server reads; what it does not know it says below the field.
import { useEffect, useState } from 'preact/hooks';
import { sentence, type ApiError } from '../lib/api';
import { Icon } from '../parts/icon';

const words: [string, string][] = [['from:', 'sender, a part of it, or @domain; <> is the null one'], ['to:', 'recipient, in the same way'], ['ip:', 'client address or network'], ['rule:', 'the rule that decided, or its place'],
  ['reply:', '550 or 5.7.23'], ['after:', 'a date or time: 2026-11-20 or 2026-11-20T14:00:00Z'], ['before:', 'the same'], ['other words', 'any part of an address']];

export function WordSearch({ value, error, onSearch }: { value: string; error: ApiError | null; onSearch: (text: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const described = [error ? 'q-e' : '', 'q-h'].filter(Boolean).join(' ');
  return <div class="words-search">
    <div class="search"><Icon name="search" /><label class="vh" for="q">Search traces</label>
      <input id="q" type="search" class="mono" placeholder="from:partner.example.com reply:550" value={text} spellcheck={false} autocomplete="off" autocapitalize="none" aria-invalid={error ? 'true' : undefined} aria-describedby={described}
        onInput={(e) => { setText(e.currentTarget.value); if (e.currentTarget.value === '' && value !== '') onSearch(''); }}
        onKeyDown={(e) => { if (e.key === 'Enter') { e.preventDefault(); onSearch(text.trim()); } }} /><kbd aria-hidden="true">/</kbd></div>
    <span class="vh" id="q-h">Enter searches.</span>
    {error ? <p class="err" id="q-e" role="alert"><Icon name="warning" /><span>{sentence(error.fields.q ?? error.message)}</span></p> : null}
    <details class="words"><summary>What you can search for</summary><dl class="facts">{words.map(([word, what]) => <><dt><code>{word}</code></dt><dd>{what}</dd></>)}</dl></details>
  </div>;
}
