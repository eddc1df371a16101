// Debian's Chromium, driven by playwright-core. One browser serves a whole run; each test has a context of its own.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const path = process.env.POSTERN_CHROMIUM ?? '/usr/bin/chromium';
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const present = () => existsSync(path);
export const launch = () => chromium.launch({ executablePath: path, args: flags });
