// Every page and state, looked at as everybody might: light, dark, narrow, by keyboard, by axe-core.
import { settled, until } from './actions.mjs';
import { demo } from './demo.mjs';
import { check, failed, piece } from './report.mjs';
import { Session } from './session.mjs';
import { all } from './states.mjs';

const brief = process.env.POSTERN_PAGES === 'brief';
const widths = brief ? [320, 1280] : [320, 390, 768, 1024, 1280];

/** Everything that must hold on a page that stands there. */
export async function inspect(one) {
  await built(one);
  await seen(one);
}

/** How the page is made. */
export async function built(one) {
  const { page, where } = one;
  const read = () => page.evaluate(() => ({
    title: document.title, lang: document.documentElement.lang, headings: [...document.querySelectorAll('h1')].filter((h) => h.getClientRects().length).length,
    landmark: document.querySelectorAll('main').length, styled: document.querySelectorAll('[style]:not([popover])').length, handlers: [...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => /^on/.test(a.name))).length,
  }));
  let facts;
  await settled(async () => { facts = await read(); return facts.headings === 1 && / · Postern$/.test(facts.title) ? '' : 'not yet'; });
  check(where, facts.headings === 1, `${facts.headings} h1 are shown`);
  check(where, / · Postern$/.test(facts.title), `the title is "${facts.title}"`);
  check(where, facts.landmark === 1 && facts.lang === 'en', 'no main, or no language');
  check(where, facts.styled + facts.handlers === 0, `${facts.styled} style attributes, ${facts.handlers} handlers as text`);
}

/** How it looks, in light and dark, wide and narrow; POSTERN_PAGES=brief: in light and wide, in dark and narrow. */
export async function seen(one) {
  const { page } = one;
  await one.axe('light');
  await page.emulateMedia({ colorScheme: 'dark' });
  if (!brief) await one.axe('dark', ['color-contrast']);
  await sideways(one);
  await one.axe('dark, 320 px', ['color-contrast']);
  await page.emulateMedia({ colorScheme: 'light' });
  if (!brief) await one.axe('320 px');
}

/** No page scrolls sideways. Ends at the narrowest width. */
export async function sideways(one, at = [...widths].reverse()) {
  for (const width of at) {
    await one.page.setViewportSize({ width, height: 844 });
    const over = await settled(() => one.page.evaluate(() => {
      const root = document.scrollingElement;
      if (root.scrollWidth <= root.clientWidth) return '';
      const wide = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.closest('.vh'));
      const name = (e) => `${e.tagName.toLowerCase()}${e.className ? '.' + String(e.className).replace(/ /g, '.') : ''}`;
      return `scrolls sideways by ${root.scrollWidth - root.clientWidth} px; wide are ${wide.slice(0, 3).map(name).join(' ')} … ${wide.slice(-2).map(name).join(' ')} "${(wide.at(-1)?.textContent ?? '').slice(0, 30)}"`;
    }));
    check(one.where, !over, `${width} px: ${over}`);
  }
}

/** `sessions`: of this worker, one for each person. */
async function visit(browser, sessions, state) {
  const name = `pages: ${state.name}`;
  try {
    if (!sessions.has(state.as)) {
      sessions.set(state.as, await Session.open(browser, state.name));
      if (state.as) await sessions.get(state.as).enter(state.as, true);
    }
    const one = sessions.get(state.as);
    if (!state.as) await one.context.clearCookies();
    await one.again(state.name, state.may);
    await piece(name, async () => {
      await one.open(state.path);
      if (state.then) await state.then(one.actions, one);
      await one.page.waitForLoadState('networkidle', { timeout: 1000 }).catch(() => null);
      await inspect(one);
      await one.page.goto('about:blank');  // what this page still asks for is not the next one's
    }, one.page);
  } catch (trouble) { failed(name, trouble.message); }
}

export default async function pages(browser) {
  const made = await demo();
  const wanted = process.env.POSTERN_STATES ? new RegExp(process.env.POSTERN_STATES) : /./;
  const left = (await all(made)).filter((s) => wanted.test(s.name));
  // Three at a time: one page waits while the others compute. States of one turn come one after the other.
  const turns = new Map();
  const take = () => {
    const at = left.findIndex((s) => !turns.get(s.turn));
    return at < 0 ? left[0] : left.splice(at, 1)[0];
  };
  const worker = async () => {
    const sessions = new Map();
    while (left.length) {
      const state = take();
      if (turns.get(state.turn)) { await turns.get(state.turn); continue; }
      const done = visit(browser, sessions, state);
      if (state.turn) turns.set(state.turn, done.finally(() => turns.delete(state.turn)));
      await done;
    }
    for (const one of sessions.values()) await one.close();
  };
  await Promise.all([worker(), worker(), worker()]);
  if (!process.env.POSTERN_STATES) await keyboard(browser, made);
}

async function keyboard(browser, made) {
  const one = await Session.open(browser, 'keyboard');
  const { page, actions } = one;
  const focused = () => page.evaluate(() => { const e = document.activeElement; return (e?.getAttribute('aria-label') ?? e?.textContent ?? '').trim().slice(0, 60); });
  const focus = (wanted) => until(async () => { const got = await focused(); return got === wanted ? '' : `the focus is on "${got}", not on "${wanted}"`; });
  /** Tab until the control has the focus. */
  const tabTo = async (role, name) => {
    for (let n = 0; n < 60; n++) {
      await page.keyboard.press('Tab');
      if (await page.getByRole(role, { name }).first().evaluate((e) => e === document.activeElement).catch(() => false)) return;
    }
    throw new Error(`Tab does not reach ${role} "${name}"`);
  };
  await one.enter(made.owner);
  await piece('keyboard: the skip link', async () => {
    await actions.goto('/app/webhooks');
    await page.keyboard.press('Tab');
    await focus('Skip to content');
    await page.keyboard.press('Enter');
    await until(() => page.evaluate(() => document.activeElement?.id === 'main' || document.querySelector('main').contains(document.activeElement) ? '' : 'the focus is not in the content'));
  }, page);
  await piece('keyboard: from the sidebar through a form to its save', async () => {
    await actions.goto('/app/webhooks');
    await tabTo('link', /^Policies$/);
    await page.keyboard.press('Enter');
    await actions.path('/app/smtp-policies');
    await focus('Policies');  // the h1
    await tabTo('link', /^\+ New$/);
    await page.keyboard.press('Enter');
    await actions.path('/app/smtp-policies/new');
    await until(async () => (await page.getByLabel('Name').count()) ? '' : 'no form');
    await tabTo('textbox', /^Name/);
    await page.keyboard.type('by keyboard');
    await tabTo('switch', /^Require SPF/);
    await page.keyboard.press('Space');
    await page.keyboard.press('Control+Enter');
    await until(() => /\/new$/.test(page.url()) ? 'Ctrl+Enter does not save' : '');
    await actions.text('by keyboard');
  }, page);
  await piece('keyboard: the focus goes to the h1 of a new page', async () => {
    await actions.goto('/app/webhooks');
    for (const [name, heading] of [['Traces', 'Traces'], ['Account', 'Account'], ['Audit log', 'Audit log']]) { await actions.click(name); await focus(heading); }
  }, page);
  await piece('keyboard: letters', async () => {
    await actions.goto('/app/webhooks');
    for (const [letter, path] of [['p', '/app/smtp-policies'], ['c', '/app/connection-policies'], ['t', '/app/traces'], ['r', '/app/replay'], ['q', '/app/queue'], ['w', '/app/webhooks']]) {
      await page.keyboard.press('g');
      await page.keyboard.press(letter);
      await actions.path(path);
      await actions.ready();
    }
    await focus('Webhooks');  // later it would take the focus from the row
    await until(async () => (await page.locator('main tbody a').count()) ? '' : 'no rows');
    await page.keyboard.press('j');
    const first = await focused();
    await page.keyboard.press('j');
    check('keyboard', first !== '' && first !== await focused(), 'j does not go down the rows');
    await page.keyboard.press('k');
    check('keyboard', first === await focused(), 'k does not go up');
    await page.keyboard.press('/');
    check('keyboard', await page.evaluate(() => document.activeElement.type === 'search'), '/ does not go to the search');
    await page.keyboard.type('?gp');
    check('keyboard', await page.evaluate(() => location.pathname === '/app/webhooks' && !document.querySelector('dialog[open]')), 'letters act while a field has the focus');
    await actions.goto('/app/webhooks');
    await page.keyboard.press('n');
    await actions.path('/app/webhooks/new');
    await actions.goto('/app/webhooks');
    await page.keyboard.press('?');
    await until(async () => (await page.locator('dialog[open]').count()) ? '' : '? opens no table');
    await page.keyboard.press('Escape');
    await until(async () => (await page.locator('dialog[open]').count()) ? 'Escape does not close the table' : '');
  }, page);
  await piece('keyboard: a dialog keeps the focus and gives it back', async () => {
    await actions.goto(`/app/smtp-policies/${made.policies['high-security'].id}`);
    await tabTo('button', /^Delete$/);
    await page.keyboard.press('Enter');
    await focus('Keep it');
    await page.keyboard.press('Enter');
    await focus('Delete');
  }, page);
  await piece('the theme is kept, and back goes back', async () => {
    await actions.goto('/app/webhooks');
    await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
    await page.reload();
    check('theme', await page.evaluate(() => document.documentElement.dataset.theme) === 'dark', 'the theme is not kept');
    await page.getByRole('radio', { name: 'System' }).check({ force: true });
    await actions.click('Policies');
    await page.goBack();
    await actions.path('/app/webhooks');
  }, page);
  await one.close();
}
