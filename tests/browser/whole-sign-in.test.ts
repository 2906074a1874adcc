// The ways people sign in, one after the other, in a real browser against a real server: the first run, a passkey, codes,
// an organization's OpenID provider, a mailed invitation, another organization, a session ended from elsewhere, and a real
// client that joins because somebody signed in. Then the same account in every dialect.
import { createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBrowser, whyNoBrowser } from '../support/browser.ts';
import { freePort } from '../support/free-port.ts';
import { type Server, serve } from '../support/holdfast.ts';
import { ask } from '../support/installation.ts';
import { type InteractiveClient, startInteractiveClient } from '../support/interactive-client.ts';
import { createMailServer, type MailServer } from '../support/mail-server.ts';
import { createOpenIdServer, type OpenIdServer } from '../support/openid-server.ts';
import { startProgram } from '../support/program.ts';
import { whyNoRealClients } from '../support/real-clients.ts';
import { unless } from '../support/requirements.ts';

/** Where pictures of each step are left for people to look at; nowhere unless asked for. */
const PICTURES = process.env.HOLDFAST_PICTURES;
const SCREEN = { width: 900, height: 800 };
const PASSWORD = 'analytical engine no. 2';
const STEP_MS = 30_000;
const TIMEOUT_MS = 90_000;
const PATIENCE_MS = 15_000;
const LINK = /^ {2}(http:\S+#first-run=\S+)$/m;

function codeOf(secret: string, at: number): string {
  const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((digit) => base32.indexOf(digit).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / STEP_MS)));
  const digest = createHmac('sha1', key).update(counter).digest();
  const number = digest.readUInt32BE(digest[19]! & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

describe('people sign in with a browser', unless(whyNoBrowser()), async () => {
  const noClients = await whyNoRealClients();
  let directory: string;
  let origin: string;
  let browser: Browser;
  let server: Server;
  let mail: MailServer;
  let provider: OpenIdServer;
  let ada: BrowserContext;
  let page: Page;
  let secret = '';
  let lastCode = '';
  const complaints: string[] = [];

  const picture = async (of: Page, name: string): Promise<void> => {
    if (PICTURES === undefined) return;
    mkdirSync(PICTURES, { recursive: true });
    await of.screenshot({ path: path.join(PICTURES, `whole-${name}.png`), fullPage: true });
  };
  const open = async (context: BrowserContext): Promise<Page> => {
    context.setDefaultTimeout(PATIENCE_MS);
    const opened = await context.newPage();
    opened.on('console', (message) => {
      if (message.type() !== 'error' || message.text().startsWith('Failed to load resource')) return;
      // The provider's own pages are not ours to judge.
      if (message.location().url.startsWith(origin)) complaints.push(message.text());
    });
    opened.on('pageerror', (error) => complaints.push(error.message));
    return opened;
  };
  const stranger = (): Promise<BrowserContext> => browser.newContext({ viewport: SCREEN });
  /** A device that keeps passkeys, and whose person is there. */
  const addAuthenticator = async (context: BrowserContext, of: Page): Promise<void> => {
    const authenticator = await context.newCDPSession(of);
    await authenticator.send('WebAuthn.enable');
    await authenticator.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
  };
  const sessionOf = async (context: BrowserContext): Promise<string> => {
    const cookies = await context.cookies(origin);
    return cookies.find(({ name }) => name === 'holdfast-session')?.value ?? '';
  };
  const api = (token: string, method: string, target: string, body?: unknown) =>
    ask(`${server.url}${target}`, token, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  const heading = (of: Page, name: string | RegExp) => of.getByRole('heading', { name }).waitFor();
  const press = (of: Page, name: string | RegExp) => of.getByRole('button', { name }).click();
  const fillPassword = async (of: Page, login: string, password = PASSWORD): Promise<void> => {
    await of.getByLabel('E-mail address or user name').fill(login);
    await of.getByLabel('Password').fill(password);
    await of.getByRole('button', { name: 'Sign in', exact: true }).click();
  };
  /** A code that was not used yet: of a step that has come. */
  const freshCode = async (): Promise<string> => {
    while (codeOf(secret, Date.now()) === lastCode) await new Promise((resolve) => setTimeout(resolve, 500));
    lastCode = codeOf(secret, Date.now());
    return lastCode;
  };
  /** At the provider: who one is, and yes. */
  const atProvider = async (of: Page, login: string): Promise<void> => {
    await of.locator('input[name=login]').fill(login);
    await of.locator('input[name=password]').fill('anything');
    await of.locator('button[type=submit]').click();
    // The button of the next page, which looks like that of this one.
    await of.locator('form:has(input[name=prompt][value=consent]) button[type=submit]').click();
  };

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'holdfast-people-'));
    const port = await freePort();
    // Passkeys belong to a name.
    origin = `http://localhost:${port}`;
    mail = await createMailServer();
    provider = await createOpenIdServer(`${origin}/login/sso/engines/callback`, 'engines.example', (login) =>
      login === 'grace' ? ['Compilers'] : [],
    );
    server = await serve(
      (command) => startProgram(command, path.join(directory, 'log')),
      ...['--data', path.join(directory, 'data'), '--listen', `127.0.0.1:${port}`],
      ...['--public-url', origin, '--sso-allow-private', '--organization-creation', 'administrators'],
      ...['--smtp-url', mail.url, '--mail-from', 'Holdfast <net@engines.example>'],
    );
    browser = await startBrowser();
    ada = await stranger();
    page = await open(ada);
    await addAuthenticator(ada, page);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    await provider?.close();
    await mail?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('the first run makes the organization and its owner, who signs in by the password', async () => {
    const [, link = ''] = LINK.exec(server.process.log()) ?? [];
    await page.goto(link);
    await page.getByLabel('Your e-mail address').fill('ada@engines.example');
    await page.getByLabel('Password').fill(PASSWORD);
    await press(page, 'Create');
    await heading(page, /engines is ready/);
    await page.goto(`${origin}/account`);
    await fillPassword(page, 'ada@engines.example');
    await heading(page, 'ada@engines.example');
    await picture(page, '1-account');
  });

  test('a passkey is added, and signs in without a name or a password', async () => {
    await page.getByRole('link', { name: 'How you sign in' }).click();
    await heading(page, 'How you sign in');
    await page.getByLabel('What to call it').fill('Ada’s laptop');
    await picture(page, '2-ways');
    await press(page, 'Add a passkey');
    await page.getByText('Ada’s laptop').first().waitFor();
    await picture(page, '3-passkey');
    await page.goto(`${origin}/account`);
    await press(page, 'Sign out');
    await heading(page, 'Sign in');
    await picture(page, '4-sign-in');
    await press(page, 'Sign in with a passkey');
    await heading(page, 'ada@engines.example');
  });

  test('a passkey also signs in who says their name, and nobody else’s name', async () => {
    await press(page, 'Sign out');
    await page.getByLabel('E-mail address or user name').fill('ada@engines.example');
    await press(page, 'use the key');
    await heading(page, 'Your passkey');
    await press(page, 'Use my passkey');
    await heading(page, 'ada@engines.example');
    await press(page, 'Sign out');
    await page.getByLabel('E-mail address or user name').fill('nobody@engines.example');
    await press(page, 'use the key');
    await press(page, 'Use my passkey');
    await page
      .getByRole('alert')
      .filter({ hasText: /not finished|cannot use/ })
      .waitFor();
    await picture(page, '5-no-passkey');
    await page.goto(`${origin}/login`);
    await press(page, 'Sign in with a passkey');
    await heading(page, 'ada@engines.example');
  });

  test(
    'codes of an app are asked for after the password, once they are set up',
    async () => {
      await page.getByRole('link', { name: 'Second factor' }).click();
      secret = (await page.locator('figcaption code').textContent()) ?? '';
      await picture(page, '6-codes');
      await page.getByLabel('Code', { exact: true }).fill(await freshCode());
      await press(page, 'Turn on');
      await heading(page, 'Your second factor is on');
      await page.goto(`${origin}/account`);
      await press(page, 'Sign out');
      await fillPassword(page, 'ada@engines.example');
      await heading(page, 'Your second factor');
      await picture(page, '7-code');
      await page.getByLabel('Code of your app, or a recovery code').fill(await freshCode());
      await press(page, 'Go on');
      await heading(page, 'ada@engines.example');
      // A passkey stands for the code as well.
      await press(page, 'Sign out');
      await fillPassword(page, 'ada@engines.example');
      await press(page, 'Use a passkey');
      await heading(page, 'ada@engines.example');
    },
    TIMEOUT_MS,
  );

  test('somebody of the organization’s OpenID provider signs in by it, and is in the groups that it names', async () => {
    const token = await sessionOf(ada);
    const connection = await api(token, 'POST', '/organizations/engines/sso-connection', {
      identifier: provider.issuer,
      client_id: provider.clientId,
      client_secret: provider.clientSecret,
    });
    expect(connection.status).toBe(201);
    const settings = await api(token, 'PATCH', '/app/api/settings', {
      allowed_email_domains: ['engines.example'],
    });
    expect(settings.status).toBe(200);
    const grace = await stranger();
    const visit = await open(grace);
    await visit.goto(`${origin}/login`);
    await picture(visit, '8-provider');
    await visit.getByRole('link', { name: /^Sign in with localhost:/ }).click();
    await atProvider(visit, 'grace');
    await heading(visit, 'grace@engines.example');
    await picture(visit, '9-grace');
    const groups = await api(token, 'GET', '/api/v2/tailnet/-/users');
    expect(groups.text).toContain('grace@engines.example');
    const named = await ask(`${server.url}/api/graphql/`, undefined, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': token },
      body: JSON.stringify({
        query: '{ groups { edges { node { name type users { edges { node { email } } } } } } }',
      }),
    });
    expect(JSON.parse(named.text).data.groups.edges).toContainEqual({
      node: {
        name: 'Compilers',
        type: 'SYNCED',
        users: { edges: [{ node: { email: 'grace@engines.example' } }] },
      },
    });
    await grace.close();
  });

  test('an invitation arrives by mail, and whoever opens it joins', async () => {
    const token = await sessionOf(ada);
    const invited = await api(token, 'POST', '/organizations/engines/invitations', {
      email: 'charles@engines.example',
      role: 'org_viewer',
    });
    expect(invited.status).toBe(201);
    const deadline = performance.now() + TIMEOUT_MS;
    while (mail.mails.length === 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const [, link = ''] = /(http:\S+\/login\/invitation\/\S+)/.exec(mail.mails[0]?.text ?? '') ?? [];
    expect(link.startsWith(origin)).toBe(true);
    const charles = await stranger();
    const visit = await open(charles);
    await visit.goto(link);
    await heading(visit, 'Join engines');
    await picture(visit, '10-invitation');
    await visit.getByLabel('Password').fill(PASSWORD);
    await press(visit, 'Accept and join');
    await fillPassword(visit, 'charles@engines.example');
    await heading(visit, 'charles@engines.example');
    await visit.goto(link);
    await heading(visit, 'This invitation is not open any more');
    await charles.close();
  });

  test(
    'by a link that names nobody, somebody joins with a passkey, and somebody else by the provider',
    async () => {
      const token = await sessionOf(ada);
      const links = await api(token, 'POST', '/api/v2/tailnet/-/user-invites', [{}, { role: 'auditor' }]);
      expect(links.status).toBe(200);
      const [one, two] = JSON.parse(links.text).map((invite: { inviteUrl: string }) => invite.inviteUrl);
      const mary = await stranger();
      const visit = await open(mary);
      await addAuthenticator(mary, visit);
      await visit.goto(one);
      await heading(visit, 'Join engines');
      await picture(visit, '10-join');
      const form = visit.locator('[data-passkey] form');
      await form.getByLabel('Name to sign in by').fill('mary.shelley');
      await press(visit, 'Join with a passkey');
      await heading(visit, 'Sign in');
      await press(visit, 'Sign in with a passkey');
      await heading(visit, 'mary.shelley');
      await mary.close();

      const alan = await stranger();
      const other = await open(alan);
      await other.goto(two);
      await other.getByRole('link', { name: /^Join with localhost:/ }).click();
      await atProvider(other, 'alan');
      await heading(other, 'alan@engines.example');
      await other.getByText('auditor', { exact: true }).waitFor();
      await other.goto(two);
      await heading(other, 'This invitation is not open any more');
      await alan.close();
    },
    TIMEOUT_MS,
  );

  test(
    'who is in two organizations changes from one to the other, and back',
    async () => {
      const token = await sessionOf(ada);
      const made = await api(token, 'POST', '/organizations', { name: 'Looms' });
      expect([made.status, made.text]).toEqual([201, expect.any(String)]);
      await page.goto(`${origin}/account`);
      await page.getByRole('link', { name: 'Choose another organization' }).click();
      await heading(page, 'Choose an organization');
      await picture(page, '11-organizations');
      await page.getByRole('listitem').filter({ hasText: 'Looms' }).getByRole('button').click();
      await heading(page, 'ada@engines.example');
      await page.getByText('Looms', { exact: true }).waitFor();
      await page.getByRole('link', { name: 'Choose another organization' }).click();
      await page.getByRole('listitem').filter({ hasText: 'engines' }).getByRole('button').click();
      await page.getByText('engines', { exact: true }).waitFor();
    },
    TIMEOUT_MS,
  );

  test(
    'a session that is ended from elsewhere is over at once',
    async () => {
      const phone = await stranger();
      const visit = await open(phone);
      await visit.goto(`${origin}/login`);
      await fillPassword(visit, 'ada@engines.example');
      await visit.getByLabel('Code of your app, or a recovery code').fill(await freshCode());
      await press(visit, 'Go on');
      await heading(visit, 'Choose an organization');
      await visit.getByRole('listitem').filter({ hasText: 'engines' }).getByRole('button').click();
      await heading(visit, 'ada@engines.example');
      await page.goto(`${origin}/account`);
      await picture(page, '12-sessions');
      expect(await page.getByRole('button', { name: 'End' }).count()).toBeGreaterThan(0);
      while ((await page.getByRole('button', { name: 'End' }).count()) > 0) {
        await page.getByRole('button', { name: 'End' }).first().click();
        await page.getByText('This browser').waitFor();
      }
      await visit.reload();
      await heading(visit, 'Sign in');
      await phone.close();
    },
    TIMEOUT_MS,
  );

  describe('a real client', unless(noClients), () => {
    let client: InteractiveClient;
    beforeAll(async () => {
      client = await startInteractiveClient(directory, origin, 'laptop');
    }, TIMEOUT_MS);
    afterAll(() => client?.end());

    test(
      'joins because somebody signs in by the provider and says yes',
      async () => {
        const grace = await stranger();
        const visit = await open(grace);
        const { page: link, ended } = await client.up();
        await visit.goto(`${origin}${link}`);
        await visit.getByText('Sign in to connect a device').waitFor();
        // There are two organizations by now: one says which has the provider.
        await visit.getByRole('link', { name: 'Sign in with your organization’s provider' }).click();
        await visit.getByLabel('Organization').fill('engines');
        await press(visit, 'Go on');
        await visit.getByRole('link', { name: /^Sign in with localhost:/ }).click();
        await atProvider(visit, 'grace');
        await heading(visit, 'Connect “laptop” to engines?');
        await picture(visit, '13-device');
        await visit.getByLabel('I started this on that device').check();
        await press(visit, 'Connect');
        await heading(visit, '“laptop” is connected');
        expect(await ended).toMatch(/^0\n/);
        expect((await client.status()).BackendState).toBe('Running');
        await grace.close();
      },
      TIMEOUT_MS,
    );

    test(
      'signs in again by a passkey, after it was logged out',
      async () => {
        await client.cli('logout');
        const { page: link, ended } = await client.up();
        await page.goto(`${origin}/account`);
        const out = page.getByRole('button', { name: 'Sign out' });
        if ((await out.count()) > 0) await out.click();
        await page.goto(`${origin}${link}`);
        await press(page, 'Sign in with a passkey');
        // Ada is in two organizations: she chooses, and is asked about the device there.
        await heading(page, 'Choose an organization');
        await page.getByRole('listitem').filter({ hasText: 'engines' }).getByRole('button').click();
        await heading(page, 'Connect “laptop” to engines?');
        await page.getByLabel('I started this on that device').check();
        await press(page, 'Connect');
        // The other’s laptop has the name already.
        await heading(page, /“laptop-\d” is connected/);
        expect(await ended).toMatch(/^0\n/);
      },
      TIMEOUT_MS,
    );
  });

  test('the same account is there in every dialect, with one session', async () => {
    await page.goto(`${origin}/account`);
    const passkey = page.getByRole('button', { name: 'Sign in with a passkey' });
    if ((await passkey.count()) > 0) await passkey.click();
    await page.waitForURL(/\/account/);
    if (page.url().includes('/organization')) {
      await page.getByRole('listitem').filter({ hasText: 'engines' }).getByRole('button').click();
    }
    await heading(page, 'ada@engines.example');
    const token = await sessionOf(ada);
    const [tailscale, netmaker, keycard, twingate] = await Promise.all([
      api(token, 'GET', '/api/v2/tailnet/-/users'),
      api(token, 'GET', '/api/users'),
      api(token, 'GET', '/organizations/engines/users'),
      ask(`${server.url}/api/graphql/`, undefined, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': token },
        body: JSON.stringify({ query: '{ users { edges { node { email role } } } }' }),
      }),
    ]);
    const people = ['ada', 'alan', 'charles', 'grace'].map((name) => `${name}@engines.example`);
    const names = (list: readonly Record<string, unknown>[], key: string): unknown[] =>
      // Mary has no address: each dialect calls her by its own rule.
      list
        .map((one) => one[key])
        .filter((name) => String(name).endsWith('@engines.example'))
        .toSorted();
    expect(names(JSON.parse(tailscale.text).users, 'loginName')).toEqual(people);
    expect(names(JSON.parse(netmaker.text), 'username')).toEqual(people);
    expect(names(JSON.parse(keycard.text).items, 'email')).toEqual(people);
    const nodes = JSON.parse(twingate.text).data.users.edges.map(
      ({ node }: { node: Record<string, unknown> }) => node,
    );
    expect(names(nodes, 'email')).toEqual(people);
  });

  test('the browser found nothing to complain of, content policy included', () => {
    expect(complaints).toEqual([]);
  });
});
