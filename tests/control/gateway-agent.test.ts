import type { FastifyPluginAsync } from 'fastify';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { gatewayOperations } from '../../src/api/native/gateways/operations.ts';
import { createNativeApi } from '../../src/api/native/index.ts';
import { createFlowLogIds } from '../../src/auth/flow-log-ids.ts';
import { createSealer, SEALING_KEY_BYTES } from '../../src/auth/sealing.ts';
import { createControlPlane } from '../../src/control/control-plane.ts';
import { exportPrivateKey, generatePrivateKey } from '../../src/control/noise/index.ts';
import { permissionsOfRole } from '../../src/domain/access/permissions.ts';
import { createGatewayAgentService } from '../../src/domain/networks/gateway-agent-service.ts';
import { createGatewayService } from '../../src/domain/networks/gateway-service.ts';
import { createJoinPolicy } from '../../src/effective-policy/join-policy.ts';
import { type Call, callOf, error, responseOf, type Wire } from '../compat/netmaker/calls.ts';
import { keyPair, type MadeGateway, makeGateway } from '../compat/netmaker/gateway-world.ts';
import { netmakerDialect } from '../compat/netmaker/support.ts';
import { altered } from '../support/altered.ts';
import {
  type ApiParts,
  type ApiServer,
  createApiServer,
  type TestOrganization,
} from '../support/api-server.ts';
import { createTestIdentityTokens } from '../support/identity-tokens.ts';
import { seed } from '../support/seeds.ts';

/** A change reaches the agent within a second; others share the machine. */
const DEADLINE_MS = 5_000;

interface Message {
  readonly kind: string;
  readonly addresses: string[];
  readonly clients: (Wire & { id: number; name: string; rules: Wire[] })[];
  readonly removed: number[];
}

describe('the agent of a gateway', () => {
  let api: ApiServer;
  let call: Call;
  let gate: MadeGateway;
  let beta: TestOrganization;
  let origin: string;
  let token: string;
  let end: () => Promise<void>;
  const streams: AbortController[] = [];
  let agentTime = 1_000_000;

  beforeEach(async () => {
    const dialects = (parts: ApiParts): FastifyPluginAsync[] => {
      const { store, follower, random, onError } = parts;
      const control = createControlPlane({
        store,
        follower,
        presenceQuery: { organizationsOf: async () => [] },
        ephemeralQuery: { absentSince: async () => [] },
        clock: { now: () => Date.now() },
        random,
        noisePrivateKey: exportPrivateKey(generatePrivateKey()),
        replica: { id: 'gateways', onLost: () => undefined },
        derpMap: () => ({ Regions: {} }),
        policy: createJoinPolicy({ store }),
        identityTokens: createTestIdentityTokens(store),
        log: { debug: () => undefined, warn: onError },
        flowLogIds: createFlowLogIds(random.bytes(32)),
        onError,
      });
      const gateways = gatewayOperations({
        agents: createGatewayAgentService({ store, random }),
        feed: control.gateways,
        clock: { now: () => agentTime },
        sealer: createSealer({ key: random.bytes(SEALING_KEY_BYTES), random }),
      });
      end = async () => {
        gateways.close();
        await control.close();
      };
      const native = createNativeApi({
        operations: gateways.operations,
        authenticate: parts.authenticator.authenticate,
        onClose: () => undefined,
        onDefect: onError,
      });
      return [...netmakerDialect(parts), native];
    };
    api = await createApiServer('sqlite', dialects);
    call = callOf(api);
    origin = await api.listen();
    beta = await api.createOrganization('beta');
    gate = await makeGateway(api, call, api, 'office');
    token = await newToken();
  });
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.abort();
    expect(api.failures).toEqual([]);
    await end();
    await api.close();
  });

  const tokenPath = () => `/app/api/gateways/${gate.node}/agent-token`;
  const newToken = async () => ((await call('POST', tokenPath())).body as { token: string }).token;
  const interfaceOf = (parts: Wire = {}) => ({
    public_key: keyPair(api).publicKey,
    endpoint: 'gw.example.com',
    listen_port: 51820,
    mtu: 1420,
    version: 'test',
    ...parts,
  });
  const agent = (what: string, body: unknown, as: string | null = token) =>
    call('POST', `/app/api/gateway-agent/${what}`, body, as);
  const addUser = async (name: string): Promise<string> => {
    const made = await api.createMember(api, 'device-user', name);
    await responseOf(
      call('PUT', `/api/v1/users/add_network_user?username=${name}@acme.test&network_id=office`),
    );
    return made.token;
  };
  const addClient = async (clientid: string, as: string): Promise<Wire> =>
    (await call('POST', `/api/extclients/office/${gate.node}`, { clientid }, as)).body as Wire;
  const addEgress = (range: string) =>
    responseOf(call('POST', '/api/v1/egress', { name: range, network: 'office', range }));

  /** Follows the clients; `messages` grows, `ended` turns true. */
  const follow = async (as = token) => {
    const controller = new AbortController();
    streams.push(controller);
    const response = await fetch(`${origin}/app/api/gateway-agent/clients`, {
      headers: { authorization: `Bearer ${as}` },
      signal: controller.signal,
    });
    const messages: Message[] = [];
    const followed = { status: response.status, messages, ended: false };
    void (async () => {
      let rest = '';
      try {
        for await (const chunk of response.body ?? []) {
          rest += Buffer.from(chunk).toString();
          const lines = rest.split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) {
            const message = JSON.parse(line) as Message;
            if (message.kind !== 'alive') messages.push(message);
          }
        }
      } catch {
        // Ended by the test itself.
      }
      followed.ended = true;
    })();
    return followed;
  };
  const soon = (check: () => void | Promise<void>) =>
    vi.waitFor(check, { timeout: DEADLINE_MS, interval: 10 });

  test('is told to wait when it calls over and over again, without holding others up', async () => {
    const report = async (as = token) => {
      const answer = await fetch(`${origin}/app/api/gateway-agent/report`, {
        method: 'POST',
        headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json' },
        body: JSON.stringify({ version: 'test', clients: [] }),
      });
      return { status: answer.status, wait: answer.headers.get('retry-after') };
    };
    const many = [];
    for (let index = 0; index < 32; index += 1) many.push((await report()).status);
    expect(many).toEqual([...Array.from({ length: 30 }, () => 200), 429, 429]);
    expect(await report()).toEqual({ status: 429, wait: '1' });
    const other = await makeGateway(api, call, api, 'depot');
    const path = `/app/api/gateways/${other.node}/agent-token`;
    expect((await report(((await call('POST', path)).body as { token: string }).token)).status).toBe(200);
    // Another token of the same gateway is no way round.
    token = await newToken();
    expect((await report()).status).toBe(429);
    agentTime += 1_000;
    expect((await report()).status).toBe(200);
    expect((await report()).status).toBe(429);
  });

  test('is let in by a token that only those who write networks make, and that is shown once', async () => {
    const { token: member } = await api.createMember(api, 'member', 'mona');
    expect((await call('POST', tokenPath(), undefined, member)).status).toBe(403);
    expect((await call('POST', tokenPath(), undefined, beta.token)).status).toBe(404);
    expect((await call('POST', '/app/api/gateways/nonsense/agent-token')).status).toBe(404);
    const [row] = await api.store.find('credential', api.organization.id, {
      kind: 'gateway-agent',
      revokedAt: null,
    });
    expect(JSON.stringify(row)).not.toContain(token.split('-').at(-1));
  });

  test('is nobody to the admin APIs, nor are their tokens anything to it', async () => {
    expect(await call('GET', '/api/users', undefined, token)).toEqual(error(401, 'unauthorized'));
    for (const as of [api.token, null, 'tskey-agent-nonsense', altered(token)]) {
      expect((await agent('hello', interfaceOf(), as)).status).toBe(401);
      expect((await agent('report', { version: 'test', clients: [] }, as)).status).toBe(401);
    }
    expect((await follow(api.token)).status).toBe(401);
  });

  test('says what clients dial, and is told its addresses', async () => {
    const wanted = interfaceOf();
    const welcome = await agent('hello', wanted);
    expect(welcome).toEqual({
      status: 200,
      body: {
        gateway: { id: gate.gateway, name: 'gw-office' },
        network: { id: expect.any(Number), name: 'office', slug: 'office' },
        endpoint: 'gw.example.com',
        listen_port: 51820,
        mtu: 1420,
        addresses: ['198.18.0.1/22', expect.stringMatching(/::1\/64$/u)],
      },
    });
    const audits = async () =>
      (await api.store.auditEvents(api.organization.id, { afterSeq: 0, limit: 1_000 })).length;
    const before = await audits();
    await agent('hello', wanted);
    expect(await audits()).toBe(before);
    expect((await call('GET', '/api/nodes/office')).body).toMatchObject([{ status: 'online' }]);
  });

  test('without an endpoint is dialled where it calls from', async () => {
    const { endpoint: _, ...wanted } = interfaceOf();
    expect((await agent('hello', wanted)).body).toMatchObject({ endpoint: '127.0.0.1' });
  });

  test.each([
    [{ public_key: 'nonsense' }, 'public_key'],
    [{ public_key: `${'A'.repeat(43)}=` }, 'public_key'],
    [{ endpoint: 'not a host' }, 'endpoint'],
    [{ endpoint: 'evil.example\nPostUp = x' }, 'endpoint'],
    [{ endpoint: 'x'.repeat(300) }, 'endpoint'],
    [{ listen_port: 0 }, 'listen_port'],
    [{ listen_port: 65_536 }, 'listen_port'],
    [{ mtu: 10 }, 'mtu'],
    [{ version: 'x'.repeat(100) }, 'version'],
    [{ more: 1 }, 'body'],
  ])('is refused with %j, by the name of the field', async (parts, field) => {
    expect(await agent('hello', interfaceOf(parts))).toMatchObject({
      status: 400,
      body: { code: 'invalid', field },
    });
    expect(await api.store.find('gatewayAgent', api.organization.id, {})).toEqual([]);
  });

  test('hears of each change of its clients, and of nothing else', async () => {
    await agent('hello', interfaceOf());
    const anna = await addUser('anna');
    const first = await addClient('first', anna);
    const { messages } = await follow();
    await soon(() => expect(messages).toHaveLength(1));
    expect(messages[0]).toMatchObject({
      kind: 'state',
      addresses: ['198.18.0.1/22', expect.any(String)],
      clients: [
        {
          name: 'first',
          public_key: first.publickey,
          preshared_key: null,
          allowed_ips: [`${first.address}/32`, `${first.address6}/128`],
        },
      ],
      removed: [],
    });
    const firstId = messages[0]!.clients[0]!.id;

    await addEgress('10.20.0.0/16');
    await soon(() =>
      expect(messages.at(-1)?.clients[0]?.rules).toContainEqual({
        to: '10.20.0.0/16',
        protocols: null,
        first_port: 0,
        last_port: 65_535,
      }),
    );
    const rules = messages.at(-1)!.clients[0]!.rules;
    const second = await addClient('second', await addUser('bert'));
    await soon(() => expect(messages.at(-1)?.clients.map(({ name }) => name)).toEqual(['second']));
    expect(messages.at(-1)!.clients[0]).toMatchObject({ public_key: second.publickey, rules });

    // Nothing that concerns it.
    const heard = messages.length;
    await call('POST', '/api/networks', { netid: 'elsewhere' });
    await api.createMember(api, 'member', 'nobody');
    await call('POST', '/api/users/anna@acme.test/disable?force_disable_configs=true');
    await soon(() =>
      expect(messages.at(-1)).toMatchObject({ kind: 'change', clients: [], removed: [firstId] }),
    );
    expect(messages).toHaveLength(heard + 1);

    await call('POST', '/api/users/anna@acme.test/enable');
    await soon(() => expect(messages.at(-1)?.clients.map(({ id }) => id)).toEqual([firstId]));
    await call('DELETE', '/api/extclients/office/first');
    await soon(() => expect(messages.at(-1)?.removed).toEqual([firstId]));
    await call('PUT', '/api/v1/users/remove_network_user?username=bert@acme.test&network_id=office');
    await soon(() => expect(messages.at(-1)?.clients).toMatchObject([{ name: 'second', rules: [] }]));
  });

  test('lets administrators’ clients reach networks where the organization has it so', async () => {
    await agent('hello', interfaceOf());
    await addEgress('10.20.0.0/16');
    await addClient('of-owner', api.token);
    const org = api.organization.id;
    const { messages } = await follow();
    const rules = (client: string) =>
      messages
        .flatMap(({ clients }) => clients)
        .findLast(({ name }) => name === client)
        ?.rules.map(({ to }) => to);
    const users = async () =>
      ((await call('GET', `/api/users/ingress/${gate.node}`)).body as { users: Wire[] | null }).users?.map(
        ({ username }) => username,
      );
    const set = (value: boolean) =>
      seed(api.store, org, (tx) =>
        tx.put('setting', { org, name: 'admins_reach_networks', value, updatedAt: tx.now }),
      );
    await soon(() => expect(rules('of-owner')).toEqual([]));
    await set(true);
    await soon(() => expect(rules('of-owner')).toContain('10.20.0.0/16'));
    expect(await users()).toEqual(['owner@acme.test']);
    const { member, token: admin } = await api.createMember(api, 'admin', 'adam');
    await addClient('of-adam', admin);
    await soon(() => expect(rules('of-adam')).toContain('10.20.0.0/16'));
    await seed(api.store, org, (tx) => tx.update('membership', org, member.id, { role: 'member' }));
    await soon(() => expect(rules('of-adam')).toEqual([]));
    await set(false);
    await soon(() => expect(rules('of-owner')).toEqual([]));
    expect(await users()).toBeUndefined();
  });

  test('is told of clients of its own gateway alone', async () => {
    await agent('hello', interfaceOf());
    const other = await makeGateway(api, call, api, 'other');
    const client = await call('POST', `/api/extclients/other/${other.node}`, { clientid: 'of-other' });
    expect(client.status).toBe(200);
    const theirs = await makeGateway(api, call, beta, 'office');
    await call('POST', `/api/extclients/office/${theirs.node}`, { clientid: 'of-beta' }, beta.token);
    const { messages } = await follow();
    await soon(() => expect(messages).toHaveLength(1));
    expect(messages[0]?.clients).toEqual([]);
    const [foreign] = await api.store.find('extClient', beta.organization.id, {});
    const [neighbour] = await api.store.find('extClient', api.organization.id, {});
    const sample = { last_handshake: 1, received_bytes: 2, sent_bytes: 3, endpoint: '' };
    const clients = [foreign, neighbour].map((row) => ({ id: row!.id, ...sample }));
    expect((await agent('report', { version: 'test', clients })).status).toBe(200);
    for (const { id } of [api.organization, beta.organization]) {
      expect(await api.store.find('extClientLive', id, {})).toEqual([]);
    }
  });

  test('ends with its token, and with its gateway', async () => {
    const first = await follow();
    await soon(() => expect(first.messages).toHaveLength(1));
    token = await newToken();
    await soon(() => expect(first.ended).toBe(true));
    const second = await follow();
    await soon(() => expect(second.messages).toHaveLength(1));
    await call('DELETE', `/api/nodes/office/${gate.node}/gateway`);
    await soon(() => expect(second.ended).toBe(true));
    expect((await follow()).status).toBe(401);
  });

  test('with a connector’s token is that connector’s, as long as the token is the present one', async () => {
    const gateways = createGatewayService({ store: api.store, random: api.random });
    const actor = {
      kind: 'system',
      org: api.organization.id,
      name: 'test',
      permissions: permissionsOfRole('owner'),
    } as const;
    const older = await gateways.generateTokens(actor, gate.gateway, 'system');
    expect((await agent('hello', interfaceOf(), older.accessToken)).status).toBe(200);
    expect((await agent('hello', interfaceOf(), older.refreshToken)).status).toBe(401);
    const newer = await gateways.generateTokens(actor, gate.gateway, 'system');
    expect((await agent('hello', interfaceOf(), older.accessToken)).status).toBe(401);
    expect((await agent('hello', interfaceOf(), newer.accessToken)).status).toBe(200);
  });

  test.each([
    [{ clients: [] }, 'version'],
    [{ version: 'x', clients: [{ id: 1 }] }, 'clients.0.last_handshake'],
    [
      {
        version: 'x',
        clients: [{ id: -1, last_handshake: 0, received_bytes: 0, sent_bytes: 0, endpoint: '' }],
      },
      'clients.0.id',
    ],
    [{ version: 'x', clients: 'many' }, 'clients'],
  ])('reports %j are refused', async (body, field) => {
    expect(await agent('report', body)).toMatchObject({ status: 400, body: { code: 'invalid', field } });
  });
});
