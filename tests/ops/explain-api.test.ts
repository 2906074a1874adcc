// `POST /app/api/explain`: what the command explains, asked of a running server by whoever may know it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { permissionsOfRole } from '../../src/domain/access/permissions.ts';
import { ROLES } from '../../src/domain/model/people.ts';
import type { AccessExplanation } from '../../src/effective-policy/explain-access.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore, type StoreLocation } from '../../src/store/open-store.ts';
import { insertDevice } from '../cli/policy-place.ts';
import { commandLine } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
import { initialise, type Server } from '../support/holdfast.ts';
import { ask, createInstallation, type TestInstallation } from '../support/installation.ts';
import { insertMember, insertPolicy, seed } from '../support/seeds.ts';

const POLICY = {
  tagOwners: { 'tag:web': [] },
  postures: { 'posture:linux': ["node:os == 'linux'"] },
  grants: [{ src: ['autogroup:member'], dst: ['tag:web'], ip: ['tcp:443'], srcPosture: ['posture:linux'] }],
};
const READERS = ROLES.filter((role) => permissionsOfRole(role).has('policy:read'));
const OTHERS = ROLES.filter((role) => !READERS.includes(role));
const TEST_MS = 60_000;

describe.each(ENGINES)('an explanation over HTTP, on %s', (engine) => {
  let installation: TestInstallation;
  let server: Server;
  let rivalKey = '';
  const tokens = new Map<string, string>();
  let rivalDevice = 0;

  const token = async (user: string, ...more: readonly string[]): Promise<string> => {
    const about = ['--org', 'acme', '--user', user, '--json', ...more, ...installation.flags];
    return (await commandLine('token', 'create', ...about)).json<{ api_key: string }>().api_key;
  };
  const explain = async (body: unknown, key: string | undefined = installation.apiKey) => {
    const { status, text } = await ask(`${server.url}/app/api/explain`, key, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status, text, answer: JSON.parse(text) as AccessExplanation & Record<string, unknown> };
  };

  beforeAll(async () => {
    installation = await createInstallation(engine);
    rivalKey = (await initialise(installation.flags, 'rival')).api_key;
    const [flag, value = ''] = installation.flags;
    const location: StoreLocation =
      flag === '--data' ? { kind: 'sqlite', directory: value } : { kind: 'postgres', url: value };
    const onError = (error: unknown): void => {
      throw error;
    };
    const store = await openStore({ location, clock: systemClock, onError });
    for (const [label, ip] of [
      ['acme', '100.64.0'],
      ['rival', '100.65.0'],
    ] as const) {
      const org = (await store.organizationBy('label', label))?.id ?? 0;
      const [owner] = await store.find('membership', org, { role: 'owner' });
      await seed(store, org, async (tx) => {
        await insertDevice(tx, org, `laptop-${label}`, null, owner?.id ?? 0, `${ip}.1`);
        const web = await insertDevice(tx, org, `web-${label}`, 'tag:web', 0, `${ip}.2`);
        if (label === 'rival') rivalDevice = web;
        await insertPolicy(tx, org, JSON.stringify(POLICY, null, 2));
        for (const role of ROLES.filter((one) => one !== 'owner')) {
          await insertMember(tx, org, { username: `${role}@${label}.test`, role });
        }
      });
    }
    await store.close();
    server = await installation.start();
    for (const role of ROLES) tokens.set(role, await token(`${role}@acme.test`));
  }, TEST_MS);
  afterAll(() => installation.end());

  test('is what the command prints as JSON', async () => {
    for (const [src, dst, proto] of [
      ['laptop-acme', 'web-acme:443', undefined],
      ['owner@acme.test', 'tag:web:22', 'tcp'],
      ['*', '[100.64.0.2]:53', 'udp'],
      ['laptop-acme', 'web-acme', 'icmp'],
    ] as const) {
      const { status, answer } = await explain({ src, dst, ...(proto === undefined ? {} : { proto }) });
      const flags = ['--src', src, '--dst', dst, ...(proto === undefined ? [] : ['--proto', proto])];
      const printed = await commandLine(
        ...['policy', 'explain', '--org', 'acme', ...flags, '--json', ...installation.flags],
      );
      expect({ status, answer }).toEqual({ status: 200, answer: printed.json() });
    }
  });

  test('names the rule, its line, the posture and the way, or what the closest rule lacks', async () => {
    const { answer } = await explain({ src: 'laptop-acme', dst: 'web-acme:443' });
    expect(answer).toMatchObject({
      ...{ allowed: true, protocol: 6, port: 443 },
      source: { asked: 'laptop-acme', devices: [{ name: 'laptop-acme', online: false }], problem: null },
      verdicts: [
        {
          ...{ allowed: true, more: 0, closest: [], problems: [] },
          by: [
            {
              rule: 'grants[0], line 11 of the policy file',
              posture: [{ condition: "node:os == 'linux'", actual: 'linux', holds: true }],
            },
          ],
          path: { address: '100.64.0.2', dns: 'web-acme.acme.holdfast.internal', online: false, route: null },
        },
      ],
    });
    const refused = await explain({ src: 'laptop-acme', dst: 'web-acme:22' });
    expect(refused.answer).toMatchObject({
      allowed: false,
      verdicts: [{ allowed: false, by: [], closest: [{ lacks: ['protocol-or-port'] }] }],
    });
  });

  test.each(READERS)('is for a member of the role %s', async (role) => {
    const { status, answer } = await explain({ src: 'laptop-acme', dst: 'web-acme:443' }, tokens.get(role));
    expect({ status, allowed: answer.allowed }).toEqual({ status: 200, allowed: true });
  });

  test.each(OTHERS)('is not for a member of the role %s', async (role) => {
    const { status, text } = await explain({ src: 'laptop-acme', dst: 'web-acme:443' }, tokens.get(role));
    expect([status, text.includes('web-acme')]).toEqual([403, false]);
  });

  test('is not for a token that may read the policy alone, nor for a stranger', async () => {
    const question = { src: 'laptop-acme', dst: 'web-acme:443' };
    const read =
      'policy_file:read,devices:core:read,devices:posture_attributes:read,networks:read,access:read';
    const scoped = (scopes: string): Promise<string> => token('owner@acme.test', '--scopes', scopes);
    expect((await explain(question, await scoped('policy_file:read'))).status).toBe(403);
    expect((await explain(question, await scoped(read))).status).toBe(200);
    expect((await explain(question, 'tskey-api-x-y')).status).toBe(401);
    expect((await explain(question, '')).status).toBe(401);
  });

  test('knows nothing of another organization', async () => {
    for (const src of [
      'laptop-rival',
      'owner@rival.test',
      String(rivalDevice),
      'laptop-rival.rival.holdfast.internal',
    ]) {
      const { status, answer } = await explain({ src, dst: 'web-acme:443' });
      expect({ status, answer }).toMatchObject({ status: 404, answer: { code: 'not_found', field: 'src' } });
    }
    for (const address of ['100.65.0.1', '100.65.0.2']) {
      const { status, text } = await explain({ src: 'laptop-acme', dst: `${address}:443` });
      expect([status, text.includes('rival')]).toEqual([200, false]);
    }
    const rival = await explain({ src: 'laptop-rival', dst: 'web-rival:443' }, rivalKey);
    expect([rival.status, rival.answer.allowed]).toEqual([200, true]);
    expect((await explain({ src: 'laptop-acme', dst: 'web-acme:443' }, rivalKey)).status).toBe(404);
  });

  const long = 'a'.repeat(1_001);
  test.each([
    [{}, 400, 'src'],
    [[], 400, 'body'],
    ['null', 400, 'body'],
    ['{', 400, undefined],
    [{ src: 1, dst: 'web-acme:443' }, 400, 'src'],
    [{ src: 'laptop-acme' }, 400, 'dst'],
    [{ src: 'laptop-acme', dst: ['web-acme:443'] }, 400, 'dst'],
    [{ src: 'laptop-acme', dst: 'web-acme:443', proto: 6 }, 400, 'proto'],
    [{ src: 'laptop-acme', dst: 'web-acme:443', proto: 'quic' }, 400, 'proto'],
    [{ src: 'laptop-acme', dst: 'web-acme:443', proto: '__proto__' }, 400, 'proto'],
    [{ src: 'laptop-acme', dst: 'web-acme:443', org: 'rival' }, 400, 'body'],
    [{ src: '', dst: 'web-acme:443' }, 400, 'src'],
    [{ src: 'laptop-acme', dst: '' }, 400, 'dst'],
    [{ src: 'laptop-acme', dst: 'web-acme' }, 400, 'dst'],
    [{ src: 'laptop-acme', dst: 'web-acme:65536' }, 400, 'dst'],
    [{ src: long, dst: 'web-acme:443' }, 400, 'src'],
    [{ src: 'laptop-acme', dst: `${long}:443` }, 400, 'dst'],
    [{ src: 'laptop-acme', dst: 'x'.repeat(3_000_000) }, 413, undefined],
    [{ src: 'nobody', dst: 'web-acme:443' }, 404, 'src'],
    [{ src: 'laptop-acme', dst: 'nothing:443' }, 404, 'dst'],
    [{ src: 'lap\u0000top', dst: 'web-acme:443' }, 404, 'src'],
    [{ src: 'laptop-acme', dst: 'autogroup:internet:443' }, 400, 'dst'],
    [{ src: '10.0.0.0/8', dst: 'web-acme:443' }, 400, 'src'],
  ])('of %.80j is refused', async (body, status, field) => {
    const refused = await explain(body);
    expect({ status: refused.status, field: refused.answer.field }, refused.text).toEqual({ status, field });
    expect(refused.text).not.toContain('    at ');
  });

  test('many at once are answered in turn or refused, and hold up no other organization', async () => {
    const question = { src: 'laptop-acme', dst: 'web-acme:443' };
    const asked = Array.from({ length: 12 }, () => explain(question));
    const rival = await explain({ src: 'laptop-rival', dst: 'web-rival:443' }, rivalKey);
    expect([rival.status, rival.answer.allowed]).toEqual([200, true]);
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
  });
});
