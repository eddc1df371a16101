// The table of keys: `?`.
import { helpOpen } from '../lib/keys';
import { Dialog } from './dialog';

const keys: [string[], string][] = [
  [['/'], 'search of this page'], [['g', 'w'], 'webhooks'], [['g', 'p'], 'policies'], [['g', 'c'], 'connection policies'], [['g', 't'], 'traces'], [['g', 'r'], 'replay'], [['g', 'q'], 'queue'],
  [['j'], 'next row'], [['k'], 'previous row'], [['Enter'], 'open the row'], [['n'], 'new'], [['x'], 'select the row'], [[']'], 'next trace of the result'], [['['], 'previous trace'],
  [['Ctrl', 'Enter'], 'save the form'], [['Esc'], 'close, then clear the search'], [['?'], 'this table'],
];
export function KeyHelp() {
  return <Dialog title="Keys" onClose={() => { helpOpen.value = false; }} footer={<button type="button" class="btn" data-safe onClick={() => { helpOpen.value = false; }}>Close</button>}>
    <table class="keys"><caption class="vh">Keys and what they do</caption><tbody>{keys.map(([combination, what]) => <tr key={what}><th scope="row">{combination.map((k) => <kbd key={k}>{k}</kbd>)}</th><td>{what}</td></tr>)}</tbody></table>
    <p class="small muted">Single letters can be turned off under Account.</p>
  </Dialog>;
}
