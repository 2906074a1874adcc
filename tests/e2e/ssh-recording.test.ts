// SSH sessions between real clients that a rule says to record: what the recorder gets, and what happens without one.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { initialise, type Server, serve } from '../support/holdfast.ts';
import { type InteractiveClient, startInteractiveClient } from '../support/interactive-client.ts';
import { startProgram } from '../support/program.ts';
import { BUILD_TIMEOUT_MS, realClients, whyNoRealClients } from '../support/real-clients.ts';
import { unless } from '../support/requirements.ts';
import { createRest, type Rest } from '../support/rest.ts';
import { sshSession, whyNoSsh } from '../support/ssh-session.ts';
import { NewKey } from './wire.ts';

const TEST_TIMEOUT_MS = 120_000;
const SOON_MS = 60_000;
const REFUSAL = 'This session must be recorded';

const POLICY = {
  tagOwners: { 'tag:db': [], 'tag:recorder': [] },
  grants: [{ src: ['*'], dst: ['*'], ip: ['*'] }],
  ssh: [
    {
      ...{ action: 'accept', src: ['autogroup:member'], dst: ['tag:db'], users: ['root'] },
      ...{ recorder: ['tag:recorder'], enforceRecorder: true },
    },
  ],
};

const Log = z.object({ logs: z.array(z.looseObject({ actionDetails: z.string().optional() })) });

describe(
  'real clients whose SSH sessions are recorded',
  unless((await whyNoRealClients()) ?? whyNoSsh()),
  () => {
    let directory: string;
    let server: Server;
    let rest: Rest;
    let laptop: InteractiveClient;
    let db: InteractiveClient;
    let recorder: InteractiveClient | undefined;
    let store: HttpServer;
    const recordings: string[] = [];

    const join = async (name: string, ...tags: string[]): Promise<InteractiveClient> => {
      const body = { capabilities: { devices: { create: { preauthorized: true, tags } } } };
      const { key } = NewKey.parse(await rest.ask('POST', '/api/v2/tailnet/-/keys', body));
      const client = await startInteractiveClient(directory, server.url, name);
      const flags = [`--hostname=${name}`, '--timeout=60s', ...(name === 'db' ? ['--ssh'] : [])];
      await client.cli('up', `--login-server=${server.url}`, `--auth-key=${key}`, ...flags);
      return client;
    };
    const login = async () => {
      const address = (await db.status()).Self.TailscaleIPs?.[0] ?? '';
      const { said, ended } = await sshSession(laptop.socket, address, 'echo', 'inside');
      return { code: await ended, said: said() };
    };

    beforeAll(async () => {
      await realClients();
      directory = mkdtempSync(path.join(tmpdir(), 'holdfast-recording-'));
      const data = ['--data', path.join(directory, 'data')];
      const { api_key: token } = await initialise(data, 'acme');
      server = await serve(
        (command) => startProgram(command, path.join(directory, 'holdfast.log')),
        ...[...data, '--listen', '127.0.0.1:0'],
      );
      rest = createRest({ url: server.url, token });
      await rest.ask('POST', '/api/v2/tailnet/-/acl', POLICY);
      store = createServer(async (request, response) => {
        recordings.push(await text(request));
        response.end();
      });
      await new Promise<void>((resolve) => store.listen(0, '127.0.0.1', resolve));
      [laptop, db] = [await join('laptop'), await join('db', 'tag:db')];
    }, BUILD_TIMEOUT_MS);
    afterAll(async () => {
      for (const client of [laptop, db, recorder]) await client?.end();
      store?.closeAllConnections();
      store?.close();
      await server?.stop();
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    });

    test(
      'they are not let in while no recorder is there',
      async () => {
        const { code, said } = await login();
        expect(said).toContain(REFUSAL);
        expect(said).not.toContain('inside\n');
        expect(code).not.toBe(0);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      'they are let in once there is one, which gets what was said',
      async () => {
        recorder = await join('recorder', 'tag:recorder');
        const { port } = store.address() as AddressInfo;
        await recorder.cli('serve', '--bg', '--tcp=80', `tcp://127.0.0.1:${port}`);
        await expect.poll(async () => (await login()).code, { timeout: SOON_MS, interval: 1_000 }).toBe(0);
        await expect.poll(() => recordings.join(''), { timeout: SOON_MS }).toContain('inside');
        const [header = ''] = recordings.at(-1)?.split('\n') ?? [];
        expect(JSON.parse(header)).toMatchObject({
          ...{ version: 2, command: 'echo inside', sshUser: 'root' },
          ...{ srcNode: expect.stringMatching(/^laptop\.acme\./u), srcNodeUser: 'owner@acme.test' },
        });
      },
      TEST_TIMEOUT_MS,
    );

    test(
      'they are refused when it takes nothing, and the audit log says so',
      async () => {
        store.closeAllConnections();
        await new Promise((resolve) => store.close(resolve));
        const { code, said } = await login();
        expect([code === 0, said]).toEqual([false, expect.stringContaining(REFUSAL)]);
        const around = [Date.now() - 3_600_000, Date.now() + 60_000].map((at) => new Date(at).toISOString());
        const query = new URLSearchParams({ start: around[0] ?? '', end: around[1] ?? '' });
        const details = async (): Promise<string> =>
          JSON.stringify(
            Log.parse(await rest.ask('GET', `/api/v2/tailnet/-/logging/configuration?${query}`)).logs,
          );
        await expect
          .poll(details, { timeout: SOON_MS })
          .toContain('a session of root from laptop was refused, as it could not be recorded.');
      },
      TEST_TIMEOUT_MS,
    );
  },
);
