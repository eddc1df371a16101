// The frame of the pages for who is not signed in.
import type { ComponentChildren } from 'preact';
import { Logo } from './icon';
import { ThemeSwitch } from './shell';

const arches = Array.from({ length: 7 }, (_, i) => ({ opacity: (0.34 - 0.043 * i).toFixed(3), d: `M${372 - 44 * i} 560V${330 - 2 * i}a${58 + 44 * i} ${58 + 44 * i} 0 0 1 ${116 + 88 * i} 0V560` }));

export function Gate({ children }: { children: ComponentChildren }) {
  return <div class="gate">
    <aside aria-label="About Postern">
      <p class="brand"><Logo />Postern</p>
      <svg viewBox="0 0 656 800" preserveAspectRatio="xMidYMax slice" fill="none" aria-hidden="true">
        <defs><linearGradient id="glow" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#f0bd66" /><stop offset="1" stop-color="#e2a23f" /></linearGradient>
          <linearGradient id="pool" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#e9b45a" stop-opacity=".5" /><stop offset="1" stop-color="#e9b45a" stop-opacity="0" /></linearGradient></defs>
        {arches.map((a) => <path key={a.d} stroke="#edebe4" stroke-opacity={a.opacity} d={a.d} />)}
        <path fill="url(#glow)" d="M372 560V330a58 58 0 0 1 116 0V560Z" /><path fill="#2d2a23" d="M372 560V330a58 58 0 0 1 84-51.700V582Z" /><path stroke="#edebe4" stroke-opacity=".25" d="M456 278.300V582" />
        <circle cx="445" cy="430" r="3" fill="#e9b45a" /><path fill="url(#pool)" d="M456 560h32l96 190H330Z" /><path stroke="#edebe4" stroke-opacity=".22" d="M0 560h372M488 560h168" />
      </svg>
      <p class="big">Bring the policy you have.</p>
      <p class="fine">Postern runs it, proves it closed, and explains every answer it gives.</p>
    </aside>
    <main id="main"><ThemeSwitch />{children}</main>
  </div>;
}
export const PhoneBrand = () => <p class="brand phone-brand"><Logo />Postern</p>;
