// Plays the browser tests: all, or those named. Ends with "N passed, M failed".
import { launch } from './browser.mjs';
import { counts } from './report.mjs';

// Those of one group share no data, and are played at the same time.
const groups = [['planted'], ['seed', 'security', 'tasks'], ['hostile', 'pages']], all = groups.flat();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length) { console.error(`no such tests: ${unknown.join(', ')}; there are: ${all.join(', ')}`); process.exit(2); }
const browser = await launch();
try {
  for (const group of groups) {
    await Promise.all(group.filter((name) => !wanted.length || wanted.includes(name)).map(async (name) => {
      const began = Date.now();
      console.log(`-- ${name}`);
      const { default: play } = await import(`./${name}.mjs`);
      await play(browser);
      console.log(`-- ${name}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
    }));
  }
} finally {
  await browser.close();
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed ? 1 : 0);
