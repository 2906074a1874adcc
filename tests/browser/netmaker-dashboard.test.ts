// The vendor's own dashboard, as a person uses it, against a whole server.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBrowser, whyNoBrowser } from '../support/browser.ts';
import { holdfast, type Server } from '../support/holdfast.ts';
import { ask, startServer } from '../support/installation.ts';
import { type Dashboard, serveDashboard, whyNoDashboard } from '../support/netmaker-dashboard.ts';
import { unless } from '../support/requirements.ts';

const PICTURES = process.env.HOLDFAST_PICTURES;
const PASSWORD = 'correct horse battery';
const OWNER = 'owner@acme.test';
const STEP_MS = 15_000;

describe('the dashboard', unless(whyNoBrowser() ?? whyNoDashboard(), { optional: true }), () => {
  let directory: string;
  let browser: Browser;
  let server: Server;
  let dashboard: Dashboard;
  let page: Page;
  let apiKey: string;
  /** Answers of the users family that were no success. */
  const refusals: string[] = [];

  const picture = async (name: string): Promise<void> => {
    if (PICTURES === undefined) return;
    mkdirSync(PICTURES, { recursive: true });
    await page.screenshot({ path: path.join(PICTURES, `netmaker-${name}.png`) });
  };
  const api = async <T>(route: string): Promise<T> =>
    JSON.parse((await ask(`${server.url}${route}`, apiKey)).text) as T;
  const named = <T extends object>(rows: readonly T[], key: keyof T, value: unknown): T | undefined =>
    rows.find((row) => row[key] === value);

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'holdfast-dashboard-'));
    const file = path.join(directory, 'password');
    writeFileSync(file, PASSWORD, { mode: 0o600 });
    const data = ['--data', path.join(directory, 'data')];
    const made = await holdfast(
      ...['init', ...data, '--org', 'acme', '--domain', 'acme.test', '--owner', OWNER],
      ...['--password-file', file, '--json'],
    );
    apiKey = (JSON.parse(made) as { api_key: string }).api_key;
    dashboard = await serveDashboard(() => server.url);
    server = await startServer(
      path.join(directory, 'log'),
      ...data,
      '--netmaker-dashboard-url',
      dashboard.origin,
    );
    browser = await startBrowser();
    page = await (await browser.newContext({ viewport: { width: 1400, height: 900 } })).newPage();
    page.setDefaultTimeout(STEP_MS);
    page.on('response', (response) => {
      const url = response.url();
      if (/\/api\/(?:v1\/)?users|\/api\/server/u.test(url) && response.status() >= 400) {
        refusals.push(`${response.status()} ${response.request().method()} ${url.replace(server.url, '')}`);
      }
    });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await dashboard?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const notice = (text: string | RegExp) =>
    page.locator('.ant-notification-notice').filter({ hasText: text }).first().waitFor();
  const button = (name: string | RegExp) => page.getByRole('button', { name });
  const users = async (): Promise<void> => {
    await page.goto(`${dashboard.origin}/users`);
    await page.getByRole('heading', { name: 'User Management' }).waitFor();
  };
  const tab = (name: string | RegExp) => page.getByRole('tab', { name }).click();
  const cell = (text: string) => page.getByRole('cell', { name: text, exact: true });

  test('refuses a wrong password, and signs in with the right one', async () => {
    await page.goto(`${dashboard.origin}/login`);
    await page.getByPlaceholder('Username').fill(OWNER);
    await page.getByPlaceholder('Password').fill('wrong');
    await button(/sign in|log ?in/iu)
      .first()
      .click();
    await page.getByText('incorrect credentials').first().waitFor();
    expect(refusals.splice(0)).toEqual(['400 POST /api/users/adm/authenticate']);
    await page.getByPlaceholder('Password').fill(PASSWORD);
    await button(/sign in|log ?in/iu)
      .first()
      .click();
    await page.getByText('User Managem').first().waitFor();
    await picture('1-signed-in');
  });

  test('creates a user, shows it, changes its password, deletes it', async () => {
    await users();
    await cell(OWNER).waitFor();
    await button('Add a User').hover();
    await page.getByText('Create a User').first().click();
    await page.locator('#add-user-form_username').fill('alice');
    await page.locator('#add-user-form_password').fill('a password');
    await page.locator('#add-user-form_confirm-password').fill('a password');
    await page.getByText('Platform User', { exact: true }).click();
    await button('Create User').click();
    await notice('User alice created');
    await cell('alice').waitFor();
    await picture('2-users');
    const listed = await api<{ username: string; platform_role_id: string }[]>('/api/users');
    expect(named(listed, 'username', 'alice')).toMatchObject({ platform_role_id: 'platform-user' });

    const more = page.getByRole('row', { name: /alice/u }).locator('button, .ant-dropdown-trigger').last();
    await more.hover();
    await page.getByText('Change Password').last().click();
    const unchanged = page.getByPlaceholder('(unchanged)');
    await unchanged.first().fill('another password');
    await unchanged.last().fill('another password');
    await button('Update User').click();
    await notice('User alice updated');
    const body = JSON.stringify({ username: 'alice', password: 'another password' });
    const login = await ask(`${server.url}/api/users/adm/authenticate`, undefined, { method: 'POST', body });
    expect(login.status).toBe(200);

    await users();
    await more.hover();
    await page.getByText('Delete', { exact: true }).last().click();
    await page.locator('.ant-modal-confirm').getByRole('button').last().click();
    await cell('alice').waitFor({ state: 'detached' });
    expect(named(await api<{ username: string }[]>('/api/users'), 'username', 'alice')).toBeUndefined();
  });

  test('creates a group, changes it, deletes it', async () => {
    await users();
    await tab('Groups');
    await page.getByText('All Networks User Group').first().waitFor();
    await button('Create Group').first().click();
    await page.locator('#name').fill('Operators');
    await button('Create Group').last().click();
    await page.waitForURL(/\/users(?:\?|$)/u);
    type Group = { id: string; name: string; meta_data: string };
    const groups = async () => (await api<{ Response: Group[] }>('/api/v1/users/groups')).Response;
    const made = named(await groups(), 'name', 'Operators');
    expect(made).toBeDefined();

    await page.goto(`${dashboard.origin}/users/group/${made?.id}`);
    await page.locator('#metadata').fill('on call');
    await button('Update Group').click();
    await notice('User group updated successfully');
    expect(named(await groups(), 'id', made?.id)).toMatchObject({ name: 'Operators', meta_data: 'on call' });
    await picture('3-group');

    await button('Delete Group').click();
    await page.locator('.ant-modal-confirm').getByRole('button').last().click();
    await notice('deleted');
    expect(named(await groups(), 'id', made?.id)).toBeUndefined();
  });

  test('invites a user, lists the invite, takes it back', async () => {
    await users();
    await tab(/Invites/u);
    await button(/Create (?:an )?Invite|Invite/u)
      .last()
      .click();
    await page.locator('#invite-user-form_user_emails').fill('new@example.com, second@example.com');
    await page.locator('.ant-modal').getByText('Service User', { exact: true }).click();
    await button('Create User Invite(s)').click();
    await notice('User invites successfully created');
    await button('Finish').click();
    type Invite = { email: string; platform_role_id: string; invite_code: string; invite_url: string };
    const invites = async () => (await api<{ Response: Invite[] }>('/api/v1/users/invites')).Response;
    const made = named(await invites(), 'email', 'new@example.com');
    expect(made).toMatchObject({ platform_role_id: 'service-user' });
    expect(made?.invite_url.startsWith(`${dashboard.origin}/invite?`)).toBe(true);

    await users();
    await tab('Invites (2)');
    const row = page.getByRole('row', { name: /second@example\.com/u });
    await row.waitFor();
    await picture('4-invites');
    await row.getByRole('button').last().click();
    await page.locator('.ant-modal-confirm').getByRole('button').last().click();
    await row.waitFor({ state: 'detached' });
    expect((await invites()).map(({ email }) => email)).toEqual(['new@example.com']);
  });

  test('the invited person signs up by the link', async () => {
    type Invite = { email: string; invite_url: string };
    const [invite] = (await api<{ Response: Invite[] }>('/api/v1/users/invites')).Response;
    const visitor = await (await browser.newContext({ viewport: { width: 1400, height: 900 } })).newPage();
    visitor.setDefaultTimeout(STEP_MS);
    await visitor.goto(invite?.invite_url ?? '');
    await visitor.getByText('I would like to set a password').click();
    await visitor.locator('input[type=password]').first().fill('a new password');
    await visitor.locator('input[type=password]').last().fill('a new password');
    await visitor.getByRole('button', { name: /password/iu }).click();
    await expect
      .poll(async () => named(await api<{ username: string }[]>('/api/users'), 'username', invite?.email), {
        timeout: STEP_MS,
      })
      .toMatchObject({ platform_role_id: 'service-user' });
    // It signs them in at once, which service users are refused.
    await visitor.waitForURL(/\/login/u);
    await visitor.close();
  });

  test('nothing of the users family was refused', () => {
    expect(refusals).toEqual([]);
  });
});
