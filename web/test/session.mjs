// A page under watch: what a script says wrong, what leaves the origin, what the content policy refuses and what the server cannot do are failures.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Actions, patience, settled } from './actions.mjs';
import { failed, check } from './report.mjs';
import { world } from './world.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export class Session {
  /** `may`: answers of the server that this test provokes, as "GET 404" or "POST 422"; `where` names the place in reports. */
  static async open(browser, where, { scheme = 'light', width = 1280, height = 800, base = world.base } = {}) {
    const one = new Session();
    one.where = where; one.base = base; one.size = { width, height }; one.scheme = scheme; one.may = new Set(['GET 401']); one.dialogs = []; one.foreign = [];
    one.context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: 'reduce', permissions: ['clipboard-write'] });
    await one.context.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => console.error(`content policy: ${e.violatedDirective} refused ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`)));
    one.page = await one.context.newPage();
    one.page.setDefaultTimeout(patience);
    one.actions = new Actions(one.page, base);
    one.#watch();
    return one;
  }

  #watch() {
    const { page } = this;
    page.on('console', (m) => { if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) failed(this.where, `console: ${m.text()}`); });
    page.on('pageerror', (e) => failed(this.where, `a script failed: ${e.message}`));
    page.on('dialog', (d) => { this.dialogs.push(d.message()); if (d.type() !== 'beforeunload') failed(this.where, `a script dialog opened: ${d.message()}`); void d.accept().catch(() => null); });
    page.on('request', (r) => {
      const { origin, protocol } = new URL(r.url());
      if (origin !== new URL(this.base).origin && protocol !== 'blob:') { this.foreign.push(r.url()); failed(this.where, `a request left the origin: ${r.url()}`); }
    });
    page.on('response', (r) => {
      const status = r.status(), method = r.request().method();
      if (status >= 400 && !this.may.has(`${method} ${status}`)) failed(this.where, `${method} ${new URL(r.url()).pathname} answered ${status}`);
    });
  }

  /** Signed in by the cookie of the pages, without the form. `again`: by the one of an earlier such call, because every sign-in is work for the
      gateway, and a row of pages that are looked at later. */
  async enter(account, again = false) {
    if (again && account.cookies) { await this.context.addCookies(account.cookies); return this; }
    const answer = await this.context.request.post(this.base + '/app/session', { data: { email: account.email, password: account.password }, headers: { Origin: this.base } });
    if (!answer.ok()) throw new Error(`sign-in of ${account.email}: ${answer.status()} ${await answer.text()}`);
    if (again) account.cookies = await this.context.cookies();
    return this;
  }

  async open(path) { this.at = path; await this.actions.goto(path); }

  /** As new, for another place and what it provokes: a page whose scripts the browser has compiled already is ready much sooner. */
  async again(where, may = []) {
    this.where = where; this.may = new Set(['GET 401', ...may]);
    await this.page.evaluate(() => sessionStorage.clear()).catch(() => null);  // not allowed on about:blank
    await this.page.setViewportSize(this.size);
    await this.page.emulateMedia({ colorScheme: this.scheme });
  }

  /** axe-core on what is shown now. */
  async axe(state, rules) {
    if (!(await this.page.evaluate(() => 'axe' in window))) await this.page.evaluate(axeSource);
    const look = () => this.page.evaluate(async ([tags, rules]) => {
      const said = await window.axe.run(document, { runOnly: rules ? { type: 'rule', values: rules } : { type: 'tag', values: tags }, resultTypes: ['violations'], preload: false });
      return said.violations.map((v) => ({ id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => `${n.target.join(' ')} ${n.any[0]?.message ?? n.all[0]?.message ?? ''}`) }));
    }, [tags, rules]);
    let found = [];
    await settled(async () => { found = await look(); return found.length ? found[0].id : ''; });
    check(this.where, true, '');
    for (const v of found) failed(`${this.where}, ${state}`, `axe ${v.id}: ${v.help}: ${v.nodes.join('; ')}`);
  }

  close() { return this.context.close(); }
}
