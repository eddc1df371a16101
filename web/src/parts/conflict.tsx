// Somebody else saved meanwhile: both texts side by side, and nothing is overwritten.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Card, Note } from './basic';

/** What every form says then. It takes the focus: who edits must hear of it before the next save. `version`: "version 4". */
export function SavedMeanwhile({ who, version, lead, children }: { who: string; version: string; lead: ComponentChildren; children?: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector<HTMLElement>('.note')?.focus(), []);
  return <div ref={box}><Note tone="wait" role="alert" tabIndex={-1}>
    <p><strong>{who || 'Another user'} saved {version} while you were editing.</strong> {lead}</p>
    {children}
  </Note></div>;
}

export interface Differing { name: string; mine: string; theirs: string }

/** `version`: "version 4". */
export function Conflict({ who, version, rows, onTheirs, onMine }: { who: string; version: string; rows: Differing[]; onTheirs: () => void; onMine: () => void }) {
  const differing = rows.filter((r) => r.mine.trim() !== r.theirs.trim());
  const then = (act: () => void) => { act(); requestAnimationFrame(() => document.querySelector<HTMLElement>('main h1')?.focus()); };
  const text = (value: string) => value || <span class="muted">empty</span>;
  return <div class="stack">
    <SavedMeanwhile who={who} version={version} lead={<><a href="#differs" onClick={(e) => { e.preventDefault(); document.getElementById('differs')?.focus(); }}>See what differs.</a> Nothing is overwritten.</>} />
    <Card plain title={<span id="differs" tabIndex={-1}>What differs</span>} footer={<span class="actions"><button type="button" class="btn" onClick={() => then(onTheirs)}>Take {version}</button><button type="button" class="btn" onClick={() => then(onMine)}>Go on with mine</button></span>}>
      {differing.length ? <div class="table-wrap"><table class="fold"><caption class="vh">Fields that differ</caption><thead><tr><th scope="col">Field</th><th scope="col">{version.charAt(0).toUpperCase() + version.slice(1)}</th><th scope="col">Yours</th></tr></thead>
        <tbody>{differing.map((r) => <tr key={r.name}><td class="wide"><b>{r.name}</b></td><td class="wide mono lines" data-l={version}>{text(r.theirs)}</td><td class="wide mono lines" data-l="Yours">{text(r.mine)}</td></tr>)}</tbody></table></div>
        : <div class="body"><p>Both versions are the same.</p></div>}
    </Card>
  </div>;
}
