// Real clients that join because a person signs in at the page they show: login, key expiry, logout, a refused login.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { holdfast, type Server, serve } from '../support/holdfast.ts';
import { type InteractiveClient, startInteractiveClient } from '../support/interactive-client.ts';
import { startProgram } from '../support/program.ts';
import { BUILD_TIMEOUT_MS, realClients, whyNoRealClients } from '../support/real-clients.ts';
import { unless } from '../support/requirements.ts';
import { type SshSession, sshSession, whyNoSsh } from '../support/ssh-session.ts';
import { createVisitor, type Visitor } from '../support/visitor.ts';

const TEST_TIMEOUT_MS = 120_000;
const UP_TIMEOUT_MS = 60_000;
const PASSWORD = 'correct horse battery';

describe('real clients whose person signs in', unless(await whyNoRealClients()), () => {
  let directory: string;
  let server: Server;
  let person: Visitor;
  let apiKey: string;
  let client: InteractiveClient;

  beforeAll(async () => {
    await realClients();
    directory = mkdtempSync(path.join(tmpdir(), 'holdfast-sign-in-'));
    const data = ['--data', path.join(directory, 'data')];
    const password = path.join(directory, 'password');
    writeFileSync(password, PASSWORD, { mode: 0o600 });
    const made = await holdfast(
      ...['init', ...data, '--org', 'acme', '--domain', 'acme.test', '--owner', 'ada@acme.test'],
      ...['--password-file', password, '--json'],
    );
    apiKey = z.looseObject({ api_key: z.string() }).parse(JSON.parse(made)).api_key;
    server = await serve(
      (command) => startProgram(command, path.join(directory, 'holdfast.log')),
      ...[...data, '--listen', '127.0.0.1:0'],
    );
    person = createVisitor(server.url);
    client = await startInteractiveClient(directory, server.url, 'laptop');
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await client?.end();
    await server?.stop();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  /** Opens the page as a person does who may have to sign in first, and decides. */
  async function decide(page: string, decision: 'connect' | 'refuse'): Promise<string> {
    let shown = await person.get(page);
    if (shown.status === 303) {
      const form = await person.get(shown.location ?? '');
      const sent = await person.submit(form, '/login', { login: 'ada@acme.test', password: PASSWORD });
      expect(sent.location).toBe(page);
      shown = await person.get(page);
    }
    expect(shown.heading).toBe('Connect “laptop” to acme?');
    return (await person.submit(shown, page, { decision, mine: 'yes' })).heading;
  }

  const identity = async () => {
    const { BackendState, Self } = await client.status();
    return { BackendState, id: Self.ID, name: Self.DNSName, addresses: Self.TailscaleIPs };
  };
  let first: Awaited<ReturnType<typeof identity>>;

  test(
    'a refusal is told to the person at the client',
    async () => {
      // A client of its own: it remembers the refusal for a moment, and would tell it to the next `up` as well.
      const refused = await startInteractiveClient(directory, server.url, 'refused', 'laptop');
      try {
        const { page, ended } = await refused.up();
        expect(await decide(page, 'refuse')).toBe('Refused');
        expect(await ended).toContain('the sign-in was refused');
      } finally {
        await refused.end();
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'tailscale up ends by itself once the person has said yes, and the client runs',
    async () => {
      const { page, ended } = await client.up();
      expect(await decide(page, 'connect')).toBe('“laptop” is connected');
      expect(await ended).toMatch(/^0\n[\s\S]*Success/);
      first = await identity();
      expect(first.BackendState).toBe('Running');
      expect(first.name).toMatch(/^laptop\./);
      const { User } = z
        .looseObject({ User: z.record(z.string(), z.looseObject({ LoginName: z.string() })) })
        .parse(JSON.parse(await client.cli('status', '--json')));
      expect(Object.values(User).map(({ LoginName }) => LoginName)).toContain('ada@acme.test');
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'a person who signs in again by force keeps the device’s id, name and addresses',
    async () => {
      const { page, ended } = await client.up('--force-reauth');
      expect(await decide(page, 'connect')).toBe('“laptop” is connected');
      expect(await ended).toMatch(/^0\n/);
      expect(await identity()).toEqual(first);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    'so does one who signs in again after a logout',
    async () => {
      await client.cli('logout');
      expect((await client.status()).BackendState).toBe('NeedsLogin');
      const { page, ended } = await client.up();
      expect(await decide(page, 'connect')).toBe('“laptop” is connected');
      expect(await ended).toMatch(/^0\n/);
      expect(await identity()).toEqual(first);
    },
    TEST_TIMEOUT_MS,
  );

  describe('who opens an SSH session that asks for a sign-in', unless(whyNoSsh()), () => {
    let target: InteractiveClient;

    beforeAll(async () => {
      const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
      const post = async (path: string, body: unknown): Promise<unknown> => {
        const answer = await fetch(`${server.url}/api/v2/tailnet/-/${path}`, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        });
        if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
        return answer.json();
      };
      await post('acl', {
        tagOwners: { 'tag:db': [] },
        grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
        ssh: [{ action: 'check', src: ['autogroup:member'], dst: ['tag:db'], users: ['root'] }],
      });
      const create = { tags: ['tag:db'], preauthorized: true };
      const made = await post('keys', { capabilities: { devices: { create } } });
      target = await startInteractiveClient(directory, server.url, 'db');
      await target.cli(
        ...[
          'up',
          `--login-server=${server.url}`,
          `--auth-key=${z.looseObject({ key: z.string() }).parse(made).key}`,
        ],
        ...['--hostname=db', '--ssh', `--timeout=${UP_TIMEOUT_MS / 1000}s`],
      );
    }, BUILD_TIMEOUT_MS);
    afterAll(() => target?.end());

    const session = async (): Promise<SshSession> =>
      sshSession(client.socket, (await target.status()).Self.TailscaleIPs?.[0] ?? '', 'echo', 'inside');

    test(
      'gets a link, signs in again there, and is let in',
      async () => {
        const { said, ended } = await session();
        await expect.poll(said, { timeout: UP_TIMEOUT_MS }).toMatch(/\/login\/ssh\/\S+/u);
        const page = /\/login\/ssh\/[A-Za-z0-9]+/u.exec(said())?.[0] ?? '';
        const sent = await person.get(page);
        expect(sent.status).toBe(303);
        const form = await person.get(sent.location ?? '');
        await person.submit(form, '/login', { login: 'ada@acme.test', password: PASSWORD });
        const shown = await person.get(page);
        expect(shown.heading).toBe('Log in to “db” as root?');
        expect((await person.submit(shown, page, { decision: 'allow' })).heading).toBe('The session is open');
        expect(await ended, said()).toBe(0);
        expect(said()).toContain('inside');
      },
      TEST_TIMEOUT_MS,
    );

    test(
      'is not asked again within the period',
      async () => {
        const { said, ended } = await session();
        expect(await ended, said()).toBe(0);
        expect(said()).not.toContain('/login/ssh/');
      },
      TEST_TIMEOUT_MS,
    );
  });
});
