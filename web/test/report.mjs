// Checks that go on: every failure is told with its place, the run fails at its end.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { patience } from './actions.mjs';

const pictures = fileURLToPath(new URL('../../build/web-failed', import.meta.url));
export const counts = { passed: 0, failed: 0 };
const told = new Map();

/** What fails while `work` runs, and until something is said that is `wanted`: for tests of the tests. */
let kept = null;
export async function failuresOf(work, wanted) {
  kept = [];
  try { await work(); } catch (trouble) { kept.push(trouble.message); }
  for (const end = Date.now() + patience; wanted && !kept.some((text) => wanted.test(text)) && Date.now() < end;) await new Promise((go) => setTimeout(go, 20));
  const found = kept;
  kept = null;
  return found;
}

export function passed() { if (!kept) counts.passed++; }
/** The same failure at ten pages is told three times and counted ten times. */
export function failed(where, what) {
  if (kept) { kept.push(what); return; }
  counts.failed++;
  const key = what.replace(/\d+/g, '0').slice(0, 120), times = (told.get(key) ?? 0) + 1;
  told.set(key, times);
  if (times <= 3) console.log(`FAIL ${where}: ${what}`);
  else if (times === 4) console.log(`FAIL (more of: ${what.slice(0, 100)})`);
}
export function check(where, holds, what) { if (holds) passed(); else failed(where, what); }

/** Runs one named piece; what it throws is its failure, with a picture of the page. */
export async function piece(name, work, page) {
  const began = Date.now(), before = counts.failed;
  try { await work(); passed(); } catch (trouble) {
    let shot = '';
    if (page) {
      mkdirSync(pictures, { recursive: true });
      shot = join(pictures, name.replace(/\W+/g, '-') + '.png');
      try { await page.screenshot({ path: shot, fullPage: true }); } catch { shot = ''; }
    }
    failed(name, `${trouble.message}${shot ? `\n      picture  ${shot}` : ''}`);
  }
  if (counts.failed === before && !kept) console.log(`ok   ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
}
