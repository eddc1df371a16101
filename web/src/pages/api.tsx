// The API for people: what openapi.yaml says, one operation after the other.
import { query, setQuery } from '../lib/router';
import { Card, Copy, Note, Page, Search } from '../parts/basic';
import operations from '../../gen/operations.json';

type Operation = (typeof operations)[number];

export default function Api() {
  const q = (query.value.get('q') ?? '').toLowerCase();
  const base = `${location.origin}/api/v1`;
  const all = operations.filter((o) => !q || `${o.method} ${o.path} ${o.summary} ${o.tag}`.toLowerCase().includes(q));
  const tags = [...new Set(all.map((o) => o.tag))];
  return <Page title="API" sub="What these pages do, scripts can do too." actions={<a class="btn" href="/api/v1/openapi.yaml" target="_blank" rel="noopener">openapi.yaml</a>}>
    <div class="cols wide-side"><div class="stack">
      <form class="filters" role="search" aria-label="Operations" onSubmit={(e) => e.preventDefault()}><Search label="Search operations" placeholder="Path, method or word" value={q} onSearch={(text) => setQuery({ q: text }, 'replace')} /></form>
      {tags.map((tag) => <Card key={tag} title={tag} plain><ul class="operations">{all.filter((o) => o.tag === tag).map((o) => <One key={o.method + o.path} operation={o} />)}</ul></Card>)}
      {!all.length ? <Note><p>Nothing matches.</p></Note> : null}
    </div>
      <Card title="How to call it"><div class="stack gap-s"><p class="small">An <a href="/app/settings/api-tokens">API token</a> in each call:</p>
        <Copy text={`curl -H "Authorization: Bearer $TOKEN" ${base}/webhooks`} label="command" />
        <p class="small muted">Answers are JSON. Errors are <code>{'{"error", "code", "fields"}'}</code>. PUT merges: what is left out stays. Lists go on with <code>cursor</code>.</p></div></Card>
    </div>
  </Page>;
}

function One({ operation: o }: { operation: Operation }) {
  return <li><details><summary><code class="method">{o.method.toUpperCase()}</code> <code>{o.path}</code> <span class="muted">{o.summary}</span></summary>
    <dl class="facts">{o.parameters.length ? <><dt>Parameters</dt><dd class="mono">{o.parameters.join(', ')}</dd></> : null}
      {o.body.length ? <><dt>Body</dt><dd class="mono">{o.body.join(', ')}</dd></> : null}<dt>Answers</dt><dd class="mono">{o.answers.join(', ')}</dd><dt>Needs</dt><dd>{o.open ? 'nothing' : 'a session or a token'}</dd></dl></details></li>;
}
