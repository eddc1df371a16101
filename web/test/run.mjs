// Plays the browser tests: all, or those named. Ends with "N passed, M failed".
import { launch } from './browser.mjs';
import { counts } from './report.mjs';

const all = ['planted', 'seed', 'tasks', 'security', 'hostile', 'pages'];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length) { console.error(`no such tests: ${unknown.join(', ')}; there are: ${all.join(', ')}`); process.exit(2); }
const browser = await launch();
try {
  for (const name of wanted.length ? wanted : all) {
    const began = Date.now();
    console.log(`-- ${name}`);
    const { default: play } = await import(`./${name}.mjs`);
    await play(browser);
    console.log(`-- ${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
  }
} finally {
  await browser.close();
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed ? 1 : 0);
