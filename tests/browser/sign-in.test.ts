// Signing in and letting a device in, as a person does it with a phone's browser against a real server.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDevice, type TestDevice } from '../client/index.ts';
import { startBrowser, whyNoBrowser } from '../support/browser.ts';
import { holdfast, type Server } from '../support/holdfast.ts';
import { startServer } from '../support/installation.ts';
import { unless } from '../support/requirements.ts';

/** Where pictures of each step are left for people to look at; nowhere unless asked for. */
const PICTURES = process.env.HOLDFAST_PICTURES;
const PHONE = { width: 375, height: 720 };
const PASSWORD = 'correct horse battery';

describe('signing in with a browser', unless(whyNoBrowser()), () => {
  let directory: string;
  let browser: Browser;
  let server: Server;
  let page: Page;
  let device: TestDevice;
  const complaints: string[] = [];

  const picture = async (name: string): Promise<void> => {
    if (PICTURES === undefined) return;
    mkdirSync(PICTURES, { recursive: true });
    await page.screenshot({ path: path.join(PICTURES, `sign-in-${name}.png`), fullPage: true });
  };

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'holdfast-sign-in-'));
    const password = path.join(directory, 'password');
    writeFileSync(password, PASSWORD, { mode: 0o600 });
    const data = ['--data', path.join(directory, 'data')];
    await holdfast(
      ...['init', ...data, '--org', 'acme', '--domain', 'acme.test', '--owner', 'ada@acme.test'],
      ...['--password-file', password, '--json'],
    );
    server = await startServer(path.join(directory, 'log'), ...data);
    device = createTestDevice({ url: server.url, hostname: 'laptop' });
    browser = await startBrowser();
    // Nothing of these pages needs a script.
    const context = await browser.newContext({ viewport: PHONE, javaScriptEnabled: false });
    page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text());
    });
  });
  afterAll(async () => {
    device?.close();
    await browser?.close();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const fits = async (): Promise<void> => {
    // Evaluated by the driver, which pages without scripts allow.
    const wide = await page.locator('main').boundingBox();
    expect((wide?.x ?? 0) + (wide?.width ?? 0)).toBeLessThanOrEqual(PHONE.width);
  };

  test('a device’s link leads over the sign-in to the question, and a yes connects it', async () => {
    const { AuthURL } = await device.register();
    const joined = device.register({ followup: AuthURL });
    await page.goto(AuthURL);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await fits();
    await picture('1-form');
    await page.getByLabel('E-mail address or user name').fill('ada@acme.test');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'That did not work' }).waitFor();
    await picture('2-wrong');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Connect “laptop” to acme?' }).waitFor();
    await fits();
    await picture('3-question');
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByText('Tick the box if it was you').waitFor();
    await page.getByLabel('I started this on that device').check();
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByRole('heading', { name: '“laptop” is connected' }).waitFor();
    await picture('4-connected');
    expect(await joined).toMatchObject({ MachineAuthorized: true, Login: { LoginName: 'ada@acme.test' } });
  });

  test('the account page shows the session and ends it', async () => {
    await page.goto(`${server.url}/account`);
    await page.getByRole('heading', { name: 'ada@acme.test' }).waitFor();
    await page.getByText('This browser').waitFor();
    await fits();
    await picture('5-account');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.goto(`${server.url}/account`);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  test('the browser found nothing to complain of, content policy included', () => {
    expect(complaints).toEqual([]);
  });
});
