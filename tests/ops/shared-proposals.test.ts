// What giving, taking and ending a share would do, asked of the APIs of a running server by either organization.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createTestDevice, type TestDevice } from '../client/index.ts';
import { commandLine } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
import { initialise, type Server } from '../support/holdfast.ts';
import { ask, createInstallation, type TestInstallation } from '../support/installation.ts';

const Flow = z.object({
  protocol: z.number(),
  first: z.number(),
  last: z.number(),
  own: z.boolean(),
  behind: z.array(z.string()),
});
const Proposed = z.object({
  status: z.number(),
  impact: z
    .object({
      pairs: z.number(),
      traffic: z.array(
        z.object({
          ...{ sources: z.array(z.string()), targets: z.array(z.string()) },
          ...{ opens: z.array(Flow), closes: z.array(Flow) },
        }),
      ),
    })
    .nullable(),
});
const Made = z.looseObject({ key: z.string() });
const Devices = z.object({ devices: z.array(z.looseObject({ id: z.string(), hostname: z.string() })) });
const Invites = z.array(z.looseObject({ id: z.string(), inviteUrl: z.string() })).length(1);
const TEST_MS = 60_000;
/** TCP, UDP and both ICMPs, over all ports. */
const EVERYTHING = [6, 17, 1, 58].map((protocol) => ({
  protocol,
  first: 0,
  last: 65_535,
  own: true,
  behind: [],
}));

describe.each(ENGINES)('what a share would open and close, on %s', (engine) => {
  let installation: TestInstallation;
  let server: Server;
  let rivalKey = '';
  let invite: z.infer<typeof Invites>[number];
  const devices: TestDevice[] = [];

  const call = async (token: string, method: string, path: string, body?: unknown): Promise<unknown> => {
    const { status, text } = await ask(`${server.url}${path}`, token, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(status, text).toBe(200);
    return JSON.parse(text || 'null');
  };
  const propose = async (token: string, method: string, path: string, body?: unknown) => {
    const asked = { method, path, ...(body === undefined ? {} : { body }) };
    return Proposed.parse(await call(token, 'POST', '/app/api/impact', asked));
  };
  const join = async (token: string, hostname: string): Promise<void> => {
    const capabilities = { devices: { create: { reusable: false, preauthorized: true } } };
    const made = await call(token, 'POST', '/api/v2/tailnet/-/keys', { capabilities });
    const device = createTestDevice({ url: server.url, hostname, authKey: Made.parse(made).key });
    devices.push(device);
    await device.join();
  };
  const explained = async (org: string, source: string, target: string): Promise<string> => {
    const question = ['--org', org, '--src', source, '--dst', target];
    const { out, err } = await commandLine('policy', 'explain', ...question, ...installation.flags);
    return out + err;
  };

  beforeAll(async () => {
    installation = await createInstallation(engine);
    rivalKey = (await initialise(installation.flags, 'rival')).api_key;
    server = await installation.start();
    await join(installation.apiKey, 'printer');
    await join(rivalKey, 'laptop');
    const listed = Devices.parse(await call(installation.apiKey, 'GET', '/api/v2/tailnet/-/devices'));
    const path = `/api/v2/device/${listed.devices[0]?.id}/device-invites`;
    invite = Invites.parse(await call(installation.apiKey, 'POST', path, [{}]))[0]!;
  }, TEST_MS);
  afterAll(async () => {
    for (const device of devices) device.close();
    await installation.end();
  });

  const laptop = 'laptop.rival.holdfast.internal';
  const printer = 'printer.acme.holdfast.internal';
  const accept = ['POST', '/api/v2/device-invites/-/accept'] as const;

  test(
    'accepting a device, which is then open',
    async () => {
      expect(await explained('rival', 'laptop', `${printer}:22`)).toContain('no device, user, host');
      const { status, impact } = await propose(rivalKey, ...accept, { invite: invite.inviteUrl });
      expect([status, impact]).toEqual([
        200,
        { pairs: 1, traffic: [{ sources: ['laptop'], targets: [printer], opens: EVERYTHING, closes: [] }] },
      ]);
      expect(await explained('rival', 'laptop', `${printer}:22`)).toContain('no device, user, host');
      await call(rivalKey, ...accept, { invite: invite.inviteUrl });
      const away = await explained('rival', 'laptop', 'printer:22');
      expect(away).toContain(`laptop may reach ${printer} on port 22`);
      expect(away).toContain('acme.holdfast.internal decides about its own device');
      const home = await explained('acme', laptop, 'printer:22');
      expect(home).toContain(`${laptop} may reach printer on port 22`);
      expect(await explained('acme', 'printer', `${laptop}:22`)).toContain('may NOT reach');
    },
    TEST_MS,
  );

  test(
    'a file that parts them, asked in either organization',
    async () => {
      const file = ['POST', '/api/v2/tailnet/-/acl', { grants: [] }] as const;
      const home = await propose(installation.apiKey, ...file);
      expect(home.impact?.traffic).toMatchObject([{ sources: [laptop], targets: ['printer'], opens: [] }]);
      const away = await propose(rivalKey, ...file);
      expect(away.impact?.traffic).toEqual([
        { sources: ['laptop'], targets: [printer], opens: [], closes: EVERYTHING },
      ]);
    },
    TEST_MS,
  );

  test(
    'ending it',
    async () => {
      const end = ['DELETE', `/api/v2/device-invites/${invite.id}`] as const;
      const { impact } = await propose(installation.apiKey, ...end);
      expect(impact).toMatchObject({
        pairs: 1,
        traffic: [{ sources: [laptop], targets: ['printer'], opens: [] }],
      });
      // Another organization's invite is nobody's to end.
      expect(await propose(rivalKey, ...end)).toMatchObject({ status: 404, impact: null });
      await call(installation.apiKey, ...end);
      expect(await explained('rival', 'laptop', `${printer}:22`)).toContain('no device, user, host');
      expect(await explained('acme', laptop, 'printer:22')).toContain('no device, user, host');
    },
    TEST_MS,
  );
});
