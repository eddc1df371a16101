// What a person does on a page, by what is seen: names of links and buttons, labels of fields, text. Never by class or id.
import { counts } from './report.mjs';

const usual = 1000 * Number(process.env.POSTERN_TEST_PATIENCE ?? 180);
/** How long a step waits for what it wants, in ms: it goes on as soon as that is there, and only what hangs takes so long. */
export let patience = usual;
export function bePatient(ms = usual) { patience = ms; }

/** Asks `check` until it returns no complaint; then the last complaint is thrown. */
export async function until(check, within = patience) {
  const end = Date.now() + within;
  for (;;) {
    let complaint;
    try { complaint = await check(); } catch (trouble) { complaint = trouble.message.split('\n')[0]; }
    if (!complaint) return;
    if (Date.now() > end) throw new Error(complaint);
    await new Promise((go) => setTimeout(go, 40));
  }
}

/** How long a page has to settle, in ms. Where much is wrong already, nothing is waited for any more. */
const usualSettling = () => counts.failed < 3 ? 60_000 : 1000;
let settling = null;
export function settleWithin(ms = null) { settling = ms; }

/** What is still wrong when the page had time to settle; '' when nothing is. `look` returns a complaint or ''. */
export async function settled(look, within = settling ?? usualSettling()) {
  let complaint;
  for (const end = Date.now() + within; ; await new Promise((go) => setTimeout(go, 100))) {
    complaint = await look();
    if (!complaint || Date.now() > end) return complaint;
  }
}

const short = (text, most = 200) => text.length > most ? text.slice(0, most) + '…' : text;

export class Actions {
  constructor(page, base) { this.page = page; this.base = base; this.steps = 0; }

  async goto(path) { this.steps++; await this.page.goto(this.base + path); await this.ready(); }
  /** The page's heading is there and nothing is being read any more. */
  async ready() {
    await until(async () => (await this.page.locator('h1').count()) ? '' : `no heading at ${this.page.url()}`);
    await until(async () => (await this.page.locator('.loading').count()) ? `still reading at ${this.page.url()}` : '');
  }

  /** Those that are visible now. What is asked of an element waits until it is there, also if it was drawn anew meanwhile: texts are read from the page in one call. */
  async visible(locator) {
    const all = await locator.all();
    const seen = await Promise.all(all.map((one) => one.isVisible()));
    return all.filter((_, i) => seen[i]);
  }

  /** The one control with exactly this name; several links to the same place count as one. */
  async control(name) {
    const { page } = this;
    // Behind a modal dialog nothing can be clicked.
    const modal = page.locator('dialog[open]');
    const root = await modal.count() ? modal.last() : page;
    let found = await this.visible(root.getByRole('link', { name, exact: true }).or(root.getByRole('button', { name, exact: true })));
    if (!found.length) found = await this.visible(root.getByText(name, { exact: true }));
    if (found.length > 1) {
      // The page may be drawn anew meanwhile: what is gone is looked for again.
      const hrefs = await Promise.all(found.map((one) => one.getAttribute('href', { timeout: 10_000 }))).catch(() => null);
      if (!hrefs) return null;
      const targets = new Set(hrefs);
      if (targets.size > 1 || targets.has(null)) throw new Error(`${found.length} controls are named "${name}"`);
    }
    return found[0] ?? null;
  }
  async click(name) {
    this.steps++;
    let one;
    await until(async () => (one = await this.control(name)) ? '' : `no link or button "${name}"; there are: ${await this.names()}`);
    await one.click({ timeout: patience });
  }
  async names() {
    const texts = await this.page.locator('a:visible, button:visible').evaluateAll((all) => all.map((e) => (e.getAttribute('aria-label') ?? e.textContent ?? '').trim()));
    return short(texts.map((t) => `"${t}"`).join(' '), 400);
  }

  /** The one field whose label begins with the text; a label that is the text wins. */
  async field(label) {
    const handle = await this.page.evaluateHandle((wanted) => {
      const dialog = [...document.querySelectorAll('dialog[open]')].pop();
      const clean = (text) => (text ?? '').replace(/\s+/g, ' ').trim();
      const named = [...(dialog ?? document).querySelectorAll('input, select, textarea')].filter((e) => e.getClientRects().length).map((e) => {
        const by = (e.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent);
        return { e, names: [...[...(e.labels ?? [])].map((l) => l.textContent), e.getAttribute('aria-label'), ...by].map(clean).filter(Boolean) };
      });
      const exact = named.filter((f) => f.names.includes(wanted)), begins = named.filter((f) => f.names.some((n) => n.startsWith(wanted)));
      const found = exact.length === 1 ? exact : begins;
      return found.length === 1 ? found[0].e : found.length ? `${found.length} fields have labels that begin with "${wanted}"` : `no field "${wanted}"; there are: ${named.map((f) => `"${f.names[0] ?? ''}"`).join(' ')}`;
    }, label);
    const element = handle.asElement();
    if (!element) throw new Error(await handle.jsonValue());
    return element;
  }
  async #onField(label, work) {
    this.steps++;
    // Again when the page was drawn anew in between.
    await until(async () => {
      const one = await this.field(label);
      try { await work(one); return ''; } catch (trouble) { return `field "${label}": ${trouble.message.split('\n')[0]}`; }
    });
  }
  fill(label, value) { return this.#onField(label, (e) => e.fill(value, { timeout: 10_000 })); }
  check(label, on = true) { return this.#onField(label, (e) => e.setChecked(on, { timeout: 10_000 })); }
  async select(label, option) {
    await this.#onField(label, async (e) => {
      const options = await e.evaluate((s) => [...(s.options ?? [])].map((o) => o.textContent.trim()));
      if (!options.includes(option)) throw new Error(`no option "${option}"; there are: ${options.map((o) => `"${o}"`).join(' ')}`);
      await e.selectOption({ label: option }, { timeout: 10_000 });
    });
  }

  path(wanted) {
    return until(() => { const { pathname } = new URL(this.page.url()); return pathname === wanted ? '' : `address: expected ${wanted}, got ${pathname}`; });
  }
  /** The page with this heading is drawn: the address changes before. */
  heading(wanted) {
    return until(async () => { const got = ((await this.page.locator('h1').allInnerTexts())[0] ?? '').trim(); return got === wanted ? '' : `heading: expected "${wanted}", got "${got}"`; });
  }
  text(wanted) {
    return until(async () => (await this.visible(this.page.getByText(wanted))).length ? ''
      : `no visible text "${wanted}"; the page says: ${short((await this.page.locator('body').innerText()).replace(/\s+/g, ' '), 900)}`);
  }
  value(label, wanted) {
    return until(async () => {
      const got = await (await this.field(label)).evaluate((e) => e.type === 'checkbox' ? String(e.checked) : e.value);
      return got === wanted ? '' : `field "${label}": expected "${wanted}", got "${got}"`;
    });
  }
  row(name, texts) {
    return until(async () => {
      const said = await this.page.locator('tr:visible, li:visible').filter({ hasText: name }).allInnerTexts();
      return said.some((text) => texts.every((t) => text.includes(t))) ? '' : `no row with "${name}" shows ${texts.map((t) => `"${t}"`).join(', ')}; rows: ${short(said.join(' | ').replace(/\s+/g, ' '), 400) || 'none'}`;
    });
  }

  /** Signs in through the form, like anybody. */
  async signIn(email, password) {
    await this.goto('/app/signin');
    await this.fill('Email', email);
    await this.fill('Password', password);
    await this.click('Sign in');
    await until(() => new URL(this.page.url()).pathname === '/app/signin' ? 'the sign-in page is still there' : '');
    await this.ready();
  }
}
