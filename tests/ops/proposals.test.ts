// What a request would do to the network, asked before it is made: over every API, with nothing left behind.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createTestDevice, type TestDevice } from '../client/index.ts';
import { createFakeAws, type FakeAws } from '../support/aws-services.ts';
import { ENGINES } from '../support/engines.ts';
import { initialise, type Server } from '../support/holdfast.ts';
import { ask, createInstallation, type TestInstallation } from '../support/installation.ts';

const Proposed = z.object({
  status: z.number(),
  answer: z.string().nullable(),
  impact: z
    .object({
      pairs: z.number(),
      traffic: z.array(
        z.object({
          sources: z.array(z.string()),
          targets: z.array(z.string()),
          opens: z.array(z.looseObject({ first: z.number() })),
          closes: z.array(z.looseObject({ first: z.number() })),
        }),
      ),
      routes: z.array(
        z.object({
          viewers: z.array(z.string()),
          carrier: z.string(),
          opens: z.array(z.string()),
          closes: z.array(z.string()),
        }),
      ),
    })
    .nullable(),
});
const Made = z.looseObject({ key: z.string() });
const Devices = z.object({ devices: z.array(z.looseObject({ id: z.string(), hostname: z.string() })) });

describe.each(ENGINES)('a request that is only asked about, on %s', (engine) => {
  let installation: TestInstallation;
  let server: Server;
  let aws: FakeAws;
  const devices: TestDevice[] = [];

  const call = async (method: string, path: string, body?: unknown, token = installation.apiKey) => {
    const { status, text } = await ask(`${server.url}${path}`, token, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status, text, json: (): unknown => JSON.parse(text) };
  };
  const propose = async (method: string, path: string, body?: unknown) => {
    const answer = await call('POST', '/app/api/impact', {
      method,
      path,
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.status, answer.text).toBe(200);
    return Proposed.parse(answer.json());
  };
  const idOf = async (hostname: string): Promise<string> => {
    const { devices: listed } = Devices.parse((await call('GET', '/api/v2/tailnet/-/devices')).json());
    return listed.find((one) => one.hostname === hostname)?.id ?? '';
  };
  const head = async (): Promise<string> =>
    (
      await call(
        'GET',
        '/api/v2/tailnet/-/logging/configuration?start=2020-01-01T00:00:00Z&end=2100-01-01T00:00:00Z',
      )
    ).text;

  beforeAll(async () => {
    installation = await createInstallation(engine);
    aws = await createFakeAws();
    server = await installation.start(
      ...['--aws-account-id', '123456789012', '--aws-access-key-id', aws.account.accessKeyId],
      ...['--aws-secret-access-key', aws.account.secretAccessKey, '--aws-sts-url', aws.url],
    );
    const policy = {
      tagOwners: { 'tag:web': [] },
      grants: [
        { src: ['autogroup:member'], dst: ['tag:web'], ip: ['tcp:443'] },
        { src: ['autogroup:member'], dst: ['10.7.0.0/16'], ip: ['*'] },
      ],
    };
    expect((await call('POST', '/api/v2/tailnet/-/acl', policy)).status).toBe(200);
    const join = async (
      hostname: string,
      tags: readonly string[],
      routes: readonly string[] = [],
    ): Promise<void> => {
      const create = { reusable: false, preauthorized: true, ...(tags.length === 0 ? {} : { tags }) };
      const made = await call('POST', '/api/v2/tailnet/-/keys', { capabilities: { devices: { create } } });
      const device = createTestDevice({
        url: server.url,
        hostname,
        authKey: Made.parse(made.json()).key,
        hostinfo: { RoutableIPs: [...routes] },
      });
      devices.push(device);
      await device.join();
    };
    await join('laptop', []);
    await join('web', ['tag:web'], ['10.7.0.0/16']);
  });
  afterAll(async () => {
    for (const device of devices) device.close();
    await installation.end();
    await aws.close();
  });

  test('a policy file', async () => {
    const before = await head();
    const { status, impact } = await propose('POST', '/api/v2/tailnet/-/acl', {
      tagOwners: { 'tag:web': [] },
      grants: [{ src: ['autogroup:member'], dst: ['tag:web'], ip: ['tcp:8443'] }],
    });
    expect(status).toBe(200);
    expect(impact?.traffic).toMatchObject([
      { sources: ['laptop'], targets: ['web'], opens: [{ first: 8443 }], closes: [{ first: 443 }] },
    ]);
    expect(await head()).toBe(before);
  });

  test('an approval of routes', async () => {
    const { impact } = await propose('POST', `/api/v2/device/${await idOf('web')}/routes`, {
      routes: ['10.7.0.0/16'],
    });
    expect(impact?.routes).toEqual([
      { viewers: ['laptop'], carrier: 'web', opens: ['10.7.0.0/16'], closes: [] },
    ]);
  });

  test('the end of a device', async () => {
    const { impact } = await propose('DELETE', `/api/v2/device/${await idOf('web')}`);
    expect(impact?.traffic).toMatchObject([
      { sources: ['laptop'], targets: ['web'], closes: [{ first: 443 }] },
    ]);
    expect(await idOf('web')).not.toBe('');
  });

  test('a mutation of GraphQL, with the same token', async () => {
    const { status, impact, answer } = await propose('POST', '/api/graphql/', {
      query: 'mutation { remoteNetworkCreate(name: "plant") { ok error } }',
    });
    expect([status, answer]).toEqual([200, null]);
    expect(impact).toMatchObject({ pairs: 0, traffic: [], routes: [] });
    const listed = await ask(`${server.url}/api/graphql/`, undefined, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': installation.apiKey },
      body: JSON.stringify({ query: '{ remoteNetworks { edges { node { name } } } }' }),
    });
    expect(listed.text).not.toContain('plant');
  });

  test('a refused request: its own answer', async () => {
    const { status, answer, impact } = await propose('POST', '/api/v2/tailnet/-/acl', {
      grants: [{ src: 7 }],
    });
    expect([status, impact]).toEqual([400, null]);
    expect(answer).toContain('message');
  });

  test.each([
    ['pages and sign-in', { method: 'POST', path: '/login' }, 400],
    ['itself', { method: 'POST', path: '/app/api/impact' }, 400],
    ['a method that changes nothing', { method: 'GET', path: '/api/v2/tailnet/-/devices' }, 400],
    ['what is no path', { method: 'POST', path: '/\\' }, 400],
    ['another server', { method: 'POST', path: '//elsewhere/api/v2/x' }, 400],
    ['more than the question', { method: 'POST', path: '/api/v2/x', extra: 1 }, 400],
  ])('not of %s', async (_, body, status) => {
    expect((await call('POST', '/app/api/impact', body)).status).toBe(status);
  });

  test('not of what is open to everybody', async () => {
    const { status, impact } = await propose('POST', '/api/users/adm/authenticate', {
      username: 'a',
      password: 'b',
    });
    expect([status, impact]).toEqual([404, null]);
  });

  test('and nobody outside is asked', async () => {
    const made = await call('POST', '/api/v2/tailnet/-/aws-external-id', { reusable: true });
    const { externalId } = z.object({ externalId: z.string() }).parse(made.json());
    const path = `/api/v2/tailnet/-/aws-external-id/${externalId}/validate-aws-trust-policy`;
    const roleArn = 'arn:aws:iam::123456789012:role/good';
    aws.roles.push({ arn: roleArn, externalId });
    const { status, answer, impact } = await propose('POST', path, { roleArn });
    expect([status, impact]).toEqual([422, null]);
    expect(answer).toContain('only tried');
    expect((await call('POST', path, { roleArn })).status).toBe(200);
  });

  test('not by a stranger', async () => {
    const body = { method: 'DELETE', path: '/api/v2/device/1' };
    expect((await call('POST', '/app/api/impact', body, 'tskey-api-x-y')).status).toBe(401);
  });

  test('many at once, each for itself', async () => {
    const id = await idOf('web');
    const asked = await Promise.all(
      ['tcp:1', 'tcp:2', 'tcp:3'].map((port) =>
        propose('POST', '/api/v2/tailnet/-/acl', {
          tagOwners: { 'tag:web': [] },
          grants: [{ src: ['autogroup:member'], dst: ['tag:web'], ip: [port] }],
        }),
      ),
    );
    const opened = asked.map(({ impact }) => impact?.traffic[0]?.opens[0]?.first);
    expect(opened).toEqual([1, 2, 3]);
    expect(await idOf('web')).toBe(id);
  });

  test('many questions of one organization are refused beyond a few, and hold up no other organization', async () => {
    const rivalKey = (await initialise(installation.flags, 'rival')).api_key;
    const question = { method: 'POST', path: '/api/v2/tailnet/-/acl', body: { grants: [] } };
    const asked = Array.from({ length: 12 }, () => call('POST', '/app/api/impact', question));
    const rival = await call('POST', '/app/api/impact', question, rivalKey);
    expect([rival.status, Proposed.parse(rival.json()).status]).toEqual([200, 200]);
    const answers = await Promise.all(asked);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => status === 200).length + refused.length).toBe(12);
    for (const { json } of refused) {
      expect(json()).toEqual({
        code: 'rate_limited',
        message:
          '4 questions of this organization wait for their answer already; ask again after one of them',
      });
    }
    expect((await propose('POST', '/api/v2/tailnet/-/acl', { grants: [] })).status).toBe(200);
  });
});
