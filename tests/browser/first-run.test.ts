// The first run as a person goes through it, in a real browser against a real server, until a device is connected.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDevice, type TestDevice } from '../client/index.ts';
import { startBrowser, whyNoBrowser } from '../support/browser.ts';
import { holdfast, type Server, serve } from '../support/holdfast.ts';
import { startProgram } from '../support/program.ts';
import { unless } from '../support/requirements.ts';

/** Where pictures of each step are left for people to look at; nowhere unless asked for. */
const PICTURES = process.env.HOLDFAST_PICTURES;
const PHONE = { width: 375, height: 720 };

const LINK = /^ {2}(http:\S+#first-run=\S+)$/m;

describe('the first run in a browser', unless(whyNoBrowser()), () => {
  let directory: string;
  let browser: Browser;
  let server: Server;
  let page: Page;
  let device: TestDevice | undefined;
  const complaints: string[] = [];

  const start = (): Promise<Server> =>
    serve(
      (command) => startProgram(command, path.join(directory, 'log')),
      ...['--data', path.join(directory, 'data'), '--listen', '127.0.0.1:0'],
    );
  const picture = async (name: string): Promise<void> => {
    if (PICTURES === undefined) return;
    mkdirSync(PICTURES, { recursive: true });
    await page.screenshot({ path: path.join(PICTURES, `${name}.png`), fullPage: true });
  };

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'holdfast-browser-'));
    browser = await startBrowser();
    server = await start();
    page = await browser.newPage({ viewport: PHONE });
    page.on('console', (message) => {
      // A refused answer is shown to the person; the browser mentions it here as well.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
  });
  afterAll(async () => {
    await device?.close();
    await browser?.close();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const link = (): string => {
    const [, found = ''] = LINK.exec(server.process.log()) ?? [];
    return found;
  };

  test('the link that the server printed leads to a form', async () => {
    expect(link()).not.toBe('');
    await page.goto(link());
    await page.getByRole('heading', { name: 'Make your network' }).waitFor();
    await picture('1-form');
  });

  test('without the link the page says where to find it', async () => {
    const stranger = await browser.newPage({ viewport: PHONE });
    await stranger.goto(server.url);
    await stranger.getByRole('heading', { name: 'Nearly there' }).waitFor();
    expect(await stranger.getByRole('button').count()).toBe(0);
    await stranger.close();
  });

  test('a mistake is named at its field, before and after asking the server', async () => {
    await page.getByLabel('Your e-mail address').fill('nobody');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('Give an e-mail address').waitFor();
    expect(await page.getByLabel('Your e-mail address').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Your e-mail address').fill('ada@engines.example');
    expect(await page.getByLabel('Short name').inputValue()).toBe('engines');
    await page.getByLabel('Password').fill('short');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('Use at least 8 characters').waitFor();
    await picture('2-mistake');
  });

  test('it makes the organization and shows the command that connects a device', async () => {
    await page.getByLabel('Password').fill('analytical engine no. 2');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'engines is ready' }).waitFor();
    expect(await page.locator('#command').textContent()).toMatch(
      new RegExp(`^tailscale up --login-server ${server.url} --auth-key tskey-auth-\\S+$`),
    );
    await page.getByText('Waiting for the device').waitFor();
    await page.getByText('Take it to another machine').click();
    expect((await page.locator('#qr path').getAttribute('d'))?.length).toBeGreaterThan(500);
    await picture('3-command');
  });

  test('nothing on a phone is wider than its screen', async () => {
    const width = await page.evaluate('document.documentElement.scrollWidth');
    expect(width).toBeLessThanOrEqual(PHONE.width);
  });

  test('a device that joins with the command’s key is shown connected, live, and once more after a reload', async () => {
    const command = (await page.locator('#command').textContent()) ?? '';
    const [, key = ''] = /--auth-key (\S+)/.exec(command) ?? [];
    device = createTestDevice({ url: server.url, hostname: 'laptop', authKey: key });
    await device.join();
    await page.getByText('laptop is connected').waitFor();
    await page.getByRole('listitem').filter({ hasText: 'laptop' }).getByText('100.').waitFor();
    await picture('4-connected');
    await page.reload();
    await page.getByText('laptop is connected').waitFor();
  });

  test('it looks its part on a wide screen and in the dark', async () => {
    await page.setViewportSize({ width: 1100, height: 900 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture('5-dark');
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(12, 21, 19)');
  });

  test('it is not offered again: not here, not after a restart, not after a restore', async () => {
    const offered = async (at: string): Promise<boolean> =>
      (await (await fetch(at)).text()).includes('<form');
    expect(await offered(server.url)).toBe(false);
    expect((await fetch(`${server.url}/app/api/first-run`, again(link()))).status).toBe(409);

    await device?.close();
    device = undefined;
    await server.stop();
    server = await start();
    expect(link()).toBe('');
    expect(await offered(server.url)).toBe(false);

    const backup = path.join(directory, 'backup');
    await holdfast('backup', backup, '--data', path.join(directory, 'data'));
    await server.stop();
    rmSync(path.join(directory, 'data'), { recursive: true });
    await holdfast('restore', backup, '--data', path.join(directory, 'data'));
    server = await start();
    expect(link()).toBe('');
    expect(await offered(server.url)).toBe(false);
  });

  test('the browser found nothing to complain of, content policy included', () => {
    expect(complaints).toEqual([]);
  });
});

const again = (link: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ secret: link.split('=')[1], label: 'second', email: 'eve@second.example' }),
});
