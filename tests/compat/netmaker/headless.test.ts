// The command line's sign-in by a browser: a WebSocket that is told a link and waits, over a whole server.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { initialise, type Server } from '../../support/holdfast.ts';
import { createIdentityProvider, type IdentityProvider } from '../../support/identity-provider.ts';
import { ask, startServer } from '../../support/installation.ts';
import type { Wire } from './calls.ts';

const WAIT_MS = 10_000;

describe('a program that waits for its person', () => {
  let directory: string;
  let server: Server;
  let provider: IdentityProvider;
  let apiKey: string;
  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'holdfast-headless-'));
    const data = ['--data', path.join(directory, 'data')];
    apiKey = (await initialise(data, 'acme')).api_key;
    provider = await createIdentityProvider();
    server = await startServer(path.join(directory, 'log'), ...data, '--sso-allow-private');
    const made = await ask(`${server.url}/organizations/acme/sso-connection`, apiKey, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        identifier: provider.issuer,
        client_id: provider.clientId,
        client_secret: provider.clientSecret,
      }),
    });
    expect(made.status, made.text).toBeLessThan(300);
    const invited = await ask(`${server.url}/api/v1/users/invite`, apiKey, {
      method: 'POST',
      body: JSON.stringify({ user_emails: ['anna@acme.test'], platform_role_id: 'platform-user' }),
    });
    expect(invited.status, invited.text).toBe(200);
  });
  afterAll(async () => {
    await server?.stop();
    await provider?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What is said on the connection, as it comes. */
  const listen = () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/api/oauth/headless`);
    const said: string[] = [];
    const closed = new Promise<number>((resolve) =>
      socket.addEventListener('close', ({ code }) => resolve(code)),
    );
    socket.addEventListener('message', ({ data }) => said.push(String(data)));
    const nth = async (index: number): Promise<string> => {
      await expect.poll(() => said.length, { timeout: WAIT_MS }).toBeGreaterThan(index);
      return said[index] ?? '';
    };
    return { socket, nth, closed };
  };
  const visit = (url: string, init: RequestInit = {}) => fetch(url, { ...init, redirect: 'manual' });
  const confirm = (link: string, origin = server.url) => visit(link, { method: 'POST', headers: { origin } });
  const person = { sub: 'anna', email: 'anna@acme.test', email_verified: true };

  test('is told a link, and gets its token when the person has signed in by it', async () => {
    const { nth, closed } = listen();
    const link = await nth(0);
    expect(link).toMatch(new RegExp(`^${server.url}/api/oauth/register/\\d+-[A-Za-z0-9]{32}$`, 'u'));
    const page = await visit(link);
    expect([page.status, page.headers.get('content-security-policy')]).toEqual([
      200,
      expect.stringContaining("frame-ancestors 'none'"),
    ]);
    expect(await page.text()).toContain('asks to be signed in as you');
    // Another site's form does not go on in the person's name.
    expect((await confirm(link, 'https://evil.test')).status).toBe(403);
    expect((await visit(link, { method: 'POST' })).status).toBe(403);
    const on = await confirm(link);
    expect(on.status).toBe(303);
    const cookie = (on.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    const back = provider.signIn(on.headers.get('location') ?? '', person);
    const done = await visit(back, { headers: { cookie } });
    expect([done.status, await done.text()]).toEqual([200, expect.stringContaining('is signed in')]);

    const told = await nth(1);
    expect(told).toMatch(/^JWT: /u);
    expect(await closed).toBe(1000);
    const own = await ask(`${server.url}/api/users/anna@acme.test`, told.slice('JWT: '.length));
    expect([own.status, JSON.parse(own.text)]).toMatchObject([200, { auth_type: 'oauth' }]);
    // The link was for once.
    expect((await visit(link)).status).toBe(404);
    expect((await confirm(link)).status).toBe(404);
  });

  test('a program that is gone leaves nothing to sign in', async () => {
    const { socket, nth, closed } = listen();
    const link = await nth(0);
    socket.close();
    await closed;
    await expect.poll(async () => (await visit(link)).status, { timeout: WAIT_MS }).toBe(404);
  });

  test('links that nobody made, and requests of no WebSocket, get nothing', async () => {
    for (const link of ['1-x', `1-${'A'.repeat(32)}`, '../x', '%00', 'x'.repeat(900)]) {
      expect((await visit(`${server.url}/api/oauth/register/${link}`)).status).toBe(404);
    }
    const plain = await ask(`${server.url}/api/oauth/headless`);
    expect(plain.status).toBe(404);
    const status = (await ask(`${server.url}/api/server/status`)) as { text: string };
    expect(JSON.parse(status.text) as Wire).toMatchObject({ db_connected: true });
  });
});
