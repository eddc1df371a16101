// Plays browser flows of the conduit suite (tests/suites/conduit/README.md, "Browser flows"), one JSON line each:
// {"base", "email", "password", "flow", "screenshot", "patience_ms"} in; {"ok": true}, {"fail": text, "action": n} or {"unknown": text} out.
import { createInterface } from 'node:readline';
import { Actions, bePatient } from './actions.mjs';
import { launch } from './browser.mjs';

const browser = await launch();

async function act(actions, dialogs, action) {
  const [name, value] = Object.entries(action)[0] ?? [];
  switch (name) {
    case 'goto': return actions.goto(value);
    case 'click': return actions.click(value);
    case 'fill': return actions.fill(value.label, value.value);
    case 'select': return actions.select(value.label, value.option);
    case 'check': return actions.check(value.label);
    case 'expect_path': return actions.path(value);
    case 'expect_text': return actions.text(value);
    case 'expect_value': return actions.value(value.label, value.value);
    case 'expect_row': return actions.row(value.with, value.texts);
    case 'expect_no_dialog':
      await new Promise((go) => setTimeout(go, 300));
      if (dialogs.length) throw new Error(`a script dialog opened: "${dialogs[0]}"`);
      return undefined;
    default: throw new Error(`the flow uses the unknown action ${name}`);
  }
}

async function play({ base, email, password, flow, screenshot, patience_ms }) {
  bePatient(patience_ms);
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const dialogs = [], errors = [];
  page.on('dialog', (d) => { dialogs.push(d.message()); void d.dismiss(); });
  page.on('pageerror', (e) => errors.push(String(e)));
  const actions = new Actions(page, base);
  let at = -1;
  try {
    await actions.signIn(email, password);
    for (const action of flow) { at++; await act(actions, dialogs, action); }
    // A click sends what it sends after it returned: the next look at the API must find it.
    await page.waitForLoadState('networkidle');
    if (errors.length) throw new Error(`a script failed: ${errors[0]}`);
    return { ok: true };
  } catch (trouble) {
    let shot = '';
    try { await page.screenshot({ path: screenshot, fullPage: true }); shot = screenshot; } catch { /* the page is gone */ }
    return { fail: trouble.message, action: at, screenshot: shot, path: new URL(page.url()).pathname };
  } finally {
    await context.close();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try { answer = await play(JSON.parse(line)); } catch (trouble) { answer = { fail: String(trouble), action: -1 }; }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
await browser.close();
