// Pictures of every page, filled with the demo world: light, dark and phone. node tests/system/web.py --shots, or `make shots`.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch } from './browser.mjs';
import { demo } from './demo.mjs';
import { pictured } from './states.mjs';
import { Session } from './session.mjs';
import { world } from './world.mjs';

const modes = { light: { scheme: 'light', width: 1280, height: 800 }, dark: { scheme: 'dark', width: 1280, height: 800 }, phone: { scheme: 'light', width: 390, height: 844 } };

mkdirSync(world.shots, { recursive: true });
const made = await demo();
const browser = await launch();
let n = 0;
const only = new RegExp(process.env.POSTERN_STATES ?? '.');
for (const [mode, look] of Object.entries(modes)) {
  for (const state of (await pictured(made)).filter((s) => only.test(`${s.name}-${mode}`))) {
    const one = await Session.open(browser, state.name, look);
    try {
      if (state.as) await one.enter(state.as);
      for (const answer of state.may ?? []) one.may.add(answer);
      await one.open(state.path);
      await state.then?.(one.actions, one);
      await one.page.waitForLoadState('networkidle', { timeout: 1500 }).catch(() => null);
      if (!await one.page.locator('dialog[open]').count()) await one.page.evaluate(() => scrollTo(0, 0));
      await one.page.screenshot({ path: join(world.shots, `${state.name}-${mode}.png`), fullPage: mode === 'phone' });
      n++;
    } catch (trouble) { console.log(`${state.name}, ${mode}: ${trouble.message}`); }
    await one.close();
  }
}
await browser.close();
console.log(`${n} pictures in ${world.shots}`);
