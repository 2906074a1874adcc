// A real browser: the machine's Chromium, driven without any download.
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const EXECUTABLES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

// Nothing of the browser's own may talk to anybody.
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

const executable = EXECUTABLES.find((path) => existsSync(path));

/** Why no browser can be started here, or undefined. */
export const whyNoBrowser = (): string | undefined =>
  executable === undefined ? 'no Chromium is installed (Debian: apt-get install chromium)' : undefined;

export function startBrowser(): Promise<Browser> {
  if (executable === undefined) throw new Error(whyNoBrowser());
  return chromium.launch({ executablePath: executable, headless: true, args: FLAGS });
}
