// What stands around every page: navigation, the relay proof, who is signed in, the theme.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { count } from '../lib/format';
import { path } from '../lib/router';
import { gateway, me, signOut } from '../lib/session';
import { helpOpen } from '../lib/keys';
import { Icon, Logo, type IconName } from './icon';
import { KeyHelp } from './key-help';

type Theme = 'auto' | 'light' | 'dark';
const stored = localStorage.getItem('theme');
const theme = signal<Theme>(stored === 'light' || stored === 'dark' ? stored : 'auto');
function setTheme(to: Theme): void {
  theme.value = to;
  if (to === 'auto') { localStorage.removeItem('theme'); delete document.documentElement.dataset.theme; }
  else { localStorage.setItem('theme', to); document.documentElement.dataset.theme = to; }
}

export function ThemeSwitch() {
  const options: [Theme, string, IconName][] = [['auto', 'System', 'screen'], ['light', 'Light', 'sun'], ['dark', 'Dark', 'moon']];
  return <fieldset class="theme"><legend>Colour theme</legend>{options.map(([value, name, icon]) => <label key={value} title={value === 'auto' ? 'Follow the system' : name}>
    <input type="radio" name="theme" checked={theme.value === value} onChange={() => setTheme(value)} /><span class="vh">{name}</span><Icon name={icon} /></label>)}</fieldset>;
}

function Place({ href, icon, children }: { href: string; icon: IconName; children: ComponentChildren }) {
  return <li><a href={href} aria-current={path.value === href || path.value.startsWith(href + '/') ? 'page' : undefined}><Icon name={icon} />{children}</a></li>;
}

function Posture() {
  const relay = gateway.value?.relay;
  if (!relay) return null;
  const words = { closed: ['Relay closed', `proven for revision ${relay.revision}`], none: ['Relay closed', 'no lists: nothing is relayed'], keyed: ['Relay for known keys', relay.keys.slice(0, 2).join(', ') || 'its operator has named them'],
    open: ['Relay open', 'strangers can send through it'] }[relay.verdict]!;
  const inner = <><Icon name={relay.verdict === 'open' ? 'warning' : 'lock'} /><div><b>{words[0]}</b><span>{words[1]}</span></div></>;
  const tone = relay.verdict === 'open' ? 'no' : relay.verdict === 'keyed' ? 'wait' : '';
  return me.value?.operates_gateway ? <a class={`posture ${tone}`} href="/app/connection-policies">{inner}</a> : <div class={`posture ${tone}`}>{inner}</div>;
}

export function Shell({ children }: { children: ComponentChildren }) {
  const operator = me.value?.operates_gateway ?? false;
  const waiting = gateway.value?.queue;
  const n = waiting ? waiting.queued + waiting.held + waiting.quarantined + waiting.dead : 0;
  useEffect(() => path.subscribe(() => { const menu = document.getElementById('menu'); if (menu?.matches(':popover-open')) menu.hidePopover(); }), []);
  return <>
    <a class="skip" href="#main">Skip to content</a>
    <div class="app">
      <header class="side">
        <a class="brand" href="/app/webhooks"><Logo />Postern</a>
        <button type="button" class="btn icon menu-btn" popovertarget="menu" aria-label="Menu"><Icon name="menu" /></button>
        <div class="menu" id="menu" popover="auto">
          <nav aria-label="Main">
            <ul class="nav-l"><Place href="/app/webhooks" icon="webhook">Webhooks</Place><Place href="/app/smtp-policies" icon="shield">Policies</Place>
              {operator ? <Place href="/app/connection-policies" icon="list">Connection policies</Place> : null}</ul>
            <p class="nav-h" id="nav-observe">Observe</p>
            <ul aria-labelledby="nav-observe" class="nav-l"><Place href="/app/traces" icon="trace">Traces</Place>
              {operator ? <><Place href="/app/replay" icon="again">Replay</Place><Place href="/app/queue" icon="queue">Queue{n ? <span class="count">{count(n)}<span class="vh"> waiting</span></span> : null}</Place></> : null}</ul>
            <p class="nav-h" id="nav-settings">Settings</p>
            <ul aria-labelledby="nav-settings" class="nav-l"><Place href="/app/settings/account" icon="person">Account</Place><Place href="/app/settings/people" icon="people">People</Place>
              <Place href="/app/settings/domains" icon="globe">Domains</Place><Place href="/app/settings/api-tokens" icon="key">API tokens</Place><Place href="/app/settings/audit-log" icon="paper">Audit log</Place></ul>
          </nav>
          <Posture />
          <div class="side-foot"><a href="/app/settings/account" title={me.value?.email}>{me.value?.email}</a><button type="button" class="btn ghost sm" onClick={() => void signOut()}>Sign out</button><ThemeSwitch /></div>
        </div>
      </header>
      <main id="main" tabIndex={-1}>{children}</main>
    </div>
    {helpOpen.value ? <KeyHelp /> : null}
  </>;
}
