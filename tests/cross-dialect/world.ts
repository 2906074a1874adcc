/** One installation with all four dialects and a control plane that holds real streams, on either engine. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { createFlowLogIds } from '../../src/auth/flow-log-ids.ts';
import { createControlPlane } from '../../src/control/control-plane.ts';
import { exportPrivateKey, generatePrivateKey } from '../../src/control/noise/index.ts';
import type { Membership, Role } from '../../src/domain/model/people.ts';
import { createJoinPolicy } from '../../src/effective-policy/join-policy.ts';
import { createTestDevice, type TestDevice } from '../client/index.ts';
import { keycardDialect } from '../compat/keycard/support.ts';
import { netmakerDialect } from '../compat/netmaker/support.ts';
import { tailscaleDialect } from '../compat/tailscale/support.ts';
import { type GraphqlAnswer, gqlOf, twingateDialect } from '../compat/twingate/support.ts';
import { type Answer, type ApiServer, createApiServer, type EngineName } from '../support/api-server.ts';
import { createTestIdentityTokens } from '../support/identity-tokens.ts';
import { PATIENT } from '../support/patient.ts';

export interface World {
  readonly api: ApiServer;
  /** A request as the owner; throws unless the status is 200. */
  ask(method: string, path: string, body?: unknown): Promise<unknown>;
  /** A request whose status the caller looks at. */
  call(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  /** A GraphQL document as the owner, which must not fail. */
  gql(document: string, variables?: Record<string, unknown>): Promise<GraphqlAnswer['data']>;
  member(role: Role, name: string): Promise<{ member: Membership; token: string }>;
  /** A device that joins with an auth key made over the Tailscale API by whoever holds the token. */
  device(hostname: string, token?: string): Promise<TestDevice>;
  /** A device that joins with this key or token. */
  join(hostname: string, authKey: string): Promise<TestDevice>;
  close(): Promise<void>;
}

const SHORT_GRACE_MS = 200;
const REPLICA = 'cross-dialect';

export async function createWorld(engine: EngineName): Promise<World> {
  const tailscale = tailscaleDialect();
  const api = await createApiServer(engine, (parts) => [
    ...tailscale(parts),
    ...twingateDialect(parts),
    ...netmakerDialect(parts),
    ...keycardDialect(parts),
  ]);
  const { store, follower, random, onError, organization, owner } = api;
  const control = createControlPlane({
    store,
    follower,
    presenceQuery: { organizationsOf: async () => [organization.id] },
    ephemeralQuery: { absentSince: async () => [] },
    clock: { now: () => Date.now() },
    random,
    noisePrivateKey: exportPrivateKey(generatePrivateKey()),
    replica: { id: REPLICA, onLost: () => undefined },
    derpMap: () => ({ Regions: {} }),
    policy: createJoinPolicy({ store }),
    identityTokens: createTestIdentityTokens(store),
    flowLogIds: createFlowLogIds(random.bytes(32)),
    log: { debug: () => undefined, warn: onError },
    onError,
    graceMs: SHORT_GRACE_MS,
  });
  const server = createServer(PATIENT, (request, response) => {
    const version = new URL(request.url ?? '/', 'http://x').searchParams.get('v') ?? undefined;
    const answer = control.keyResponse(version);
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  server.on('upgrade', control.handleUpgrade);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  // A process holds its lease as long as it lives; nobody here outlives a day.
  await api.leases.renew(REPLICA, 86_400_000);
  await control.start();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const devices: TestDevice[] = [];

  const call: World['call'] = (method, path, body, token = api.token) =>
    api.call(method, path, { token, ...(body === undefined ? {} : { body }) });
  const gql = gqlOf(api);
  const join: World['join'] = async (hostname, authKey) => {
    const device = createTestDevice({ url, hostname, authKey });
    devices.push(device);
    await device.join();
    return device;
  };

  return {
    api,
    call,
    ask: async (method, path, body) => {
      const answer = await call(method, path, body);
      expect(answer.status, `${method} ${path}: ${answer.text}`).toBe(200);
      return answer.text === '' ? undefined : answer.json<unknown>();
    },
    gql: async (document, variables) => {
      const { data, errors } = await gql(document, variables);
      expect(errors, document).toBeUndefined();
      return data;
    },
    member: (role, name) => api.createMember({ organization, owner, token: api.token }, role, name),
    device: async (hostname, token = api.token) => {
      const made = await call(
        'POST',
        '/api/v2/tailnet/-/keys',
        { capabilities: { devices: { create: { preauthorized: true } } } },
        token,
      );
      const { key } = made.json<{ key: string }>();
      return join(hostname, key);
    },
    join,
    close: async () => {
      for (const device of devices) device.close();
      server.close();
      await control.close();
      expect(api.failures).toEqual([]);
      await api.close();
    },
  };
}

export const gid = (type: string, id: number): string => Buffer.from(`${type}:${id}`).toString('base64');

/** An id as the Netmaker API shows it: "hold", the number of the kind, the integer. */
export const nodeUuid = (kind: 'device' | 'gateway' | 'network' | 'resource', id: number): string => {
  const digits = id.toString(16).padStart(14, '0');
  const code = { device: '04', gateway: '05', network: '06', resource: '0a' }[kind];
  return `686f6c64-00${code}-8000-80${digits.slice(0, 2)}-${digits.slice(2)}`;
};
/** The integer in either form of an id. */
export const integerOf = (text: string): number =>
  text.startsWith('686f6c64-')
    ? Number.parseInt(`${text.slice(21, 23)}${text.slice(24)}`, 16)
    : Number(Buffer.from(text, 'base64').toString().split(':')[1]);

/** Marks a thing that a dialect does not show. */
export const ABSENT = 'absent';
