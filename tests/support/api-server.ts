/**
 * A server with the admin APIs on a fresh installation, on either engine, for tests of whole requests. `listen` opens a
 * real socket; without it requests are injected.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify';
import { type Authenticator, createAuthenticator } from '../../src/auth/authenticator.ts';
import { createSealer, SEALING_KEY_BYTES, type Sealer } from '../../src/auth/sealing.ts';
import { createSignedTokens } from '../../src/auth/signed-tokens.ts';
import { createSigningKeys, type SigningKeys } from '../../src/auth/signing-keys.ts';
import { createUsageRecorder, type UsageRecorder } from '../../src/auth/usage-recorder.ts';
import { insertToken } from '../../src/domain/credentials/insert-token.ts';
import { createFlowLogService, type FlowLogService } from '../../src/domain/flow-logs/flow-log-service.ts';
import { type Membership, type Organization, ROLES, type Role } from '../../src/domain/model/people.ts';
import { createOrganizationService } from '../../src/domain/organizations/organization-service.ts';
import type { Follower } from '../../src/domain/ports/follower.ts';
import type { LogStreamQueue } from '../../src/domain/ports/log-stream-queue.ts';
import type { ReplicaLeases } from '../../src/domain/ports/replica-leases.ts';
import type { SignedTokens } from '../../src/domain/ports/signed-tokens.ts';
import { INSTALLATION, type Store } from '../../src/domain/ports/store.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { type Random, systemRandom } from '../../src/kernel/random.ts';
import type { Engine } from '../../src/store/engine.ts';
import { createFlowLogs } from '../../src/store/flow-logs.ts';
import { createFollower } from '../../src/store/follower.ts';
import { createLogStreamQueue } from '../../src/store/log-stream-queue.ts';
import { migrate } from '../../src/store/migrator.ts';
import { openEngine, type StoreLocation } from '../../src/store/open-store.ts';
import { createReplicaLeases } from '../../src/store/replica-leases.ts';
import { createStore } from '../../src/store/store.ts';
import type { EngineName } from './engines.ts';
import { createTestDatabase } from './postgres.ts';
import { insertMember } from './seeds.ts';

export { ENGINES, type EngineName } from './engines.ts';

/** A clock that stands until it is moved; it starts at the present, as tokens of clients outside live on real time. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}
function createTestClock(start = Date.now()): TestClock {
  let now = start;
  return {
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}

export interface ApiParts {
  readonly engine: Engine;
  readonly store: Store;
  readonly clock: TestClock;
  readonly random: Random;
  readonly follower: Follower;
  readonly leases: ReplicaLeases;
  readonly authenticator: Authenticator;
  readonly flowLogs: FlowLogService;
  readonly logStreamQueue: LogStreamQueue;
  readonly sealer: Sealer;
  readonly signingKeys: SigningKeys;
  readonly signedTokens: SignedTokens;
  /** What was used is written when a test flushes it. */
  readonly usage: UsageRecorder;
  readonly onError: (error: unknown) => void;
}

export interface TestOrganization {
  readonly organization: Organization;
  readonly owner: Membership;
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  readonly json: <T = Record<string, unknown>>() => T;
}

export interface CallOptions {
  /** Default: the first organization's owner; null: none. */
  readonly token?: string | null;
  /** An object is sent as JSON, a text as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** It stands for its first organization, `acme`. */
export interface ApiServer extends ApiParts, TestOrganization {
  readonly server: FastifyInstance;
  /** Failures that were defects of the program: a test that provokes none expects this to stay empty. */
  readonly failures: readonly unknown[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  createOrganization(label: string): Promise<TestOrganization>;
  /** A member of a role with an API token of their own. */
  createMember(
    of: TestOrganization,
    role: Role,
    name?: string,
  ): Promise<{ member: Membership; token: string }>;
  /** A token of each role in the first organization: its owner's, and those of new members. */
  createRoles(): Promise<ReadonlyMap<Role, string>>;
  createToken(of: TestOrganization, member: Membership, scopes: readonly string[]): Promise<string>;
  /** Resolves with http://127.0.0.1:<port>. */
  listen(): Promise<string>;
  close(): Promise<void>;
}

const BY_TEST = { kind: 'system', id: '', name: 'test' } as const;
const STAMP = { byKind: 'system', byId: '', byName: 'test' };

/** `dialects` makes the plugins to mount from the parts of the installation. */
export async function createApiServer(
  engine: EngineName,
  dialects: (parts: ApiParts) => readonly FastifyPluginAsync[],
): Promise<ApiServer> {
  const clock = createTestClock();
  const random = systemRandom;
  const failures: unknown[] = [];
  const onError = (error: unknown): void => void failures.push(error);
  const directory = engine === 'sqlite' ? mkdtempSync(join(tmpdir(), 'holdfast-api-')) : undefined;
  const location: StoreLocation =
    directory === undefined
      ? { kind: 'postgres', url: await createTestDatabase() }
      : { kind: 'sqlite', directory };
  const database = openEngine({ location, clock, onError });
  await migrate(database);
  const store = createStore({ engine: database, clock, onError });
  const leases = createReplicaLeases({ engine: database, clock });
  const follower = createFollower({ feed: store.feed, onError });
  const sealer = createSealer({ key: random.bytes(SEALING_KEY_BYTES), random });
  const signingKeys = createSigningKeys({ store, sealer, clock, random });
  const signedTokens = createSignedTokens({ keys: signingKeys, clock, random });
  const usage = createUsageRecorder({ store, clock, onError });
  const authenticator = createAuthenticator({ store, follower, clock, signedTokens, onUse: usage.record });
  const flowLogs = createFlowLogService({ store, flowLogs: createFlowLogs({ engine: database }), clock });
  const secrets = { sealer, signingKeys, signedTokens };
  const parts: ApiParts = {
    engine: database,
    store,
    clock,
    random,
    follower,
    leases,
    authenticator,
    usage,
    flowLogs,
    logStreamQueue: createLogStreamQueue({ engine: database }),
    ...secrets,
    onError,
  };
  const server = Fastify({ routerOptions: { maxParamLength: 1024 } });
  for (const dialect of dialects(parts)) await server.register(dialect);

  const organizations = createOrganizationService({ store, random });
  const createOrganization = async (label: string): Promise<TestOrganization> => {
    const made = await organizations.create(
      { label, domain: `${label}.test`, owner: { email: `owner@${label}.test` } },
      BY_TEST,
      'system',
    );
    return { organization: made.organization, owner: made.owner, token: made.apiToken };
  };
  const first = await createOrganization('acme');

  const issueToken: ApiServer['createToken'] = ({ organization: { id: org } }, member, scopes) =>
    store.write({ orgs: [org], by: BY_TEST, origin: 'system' }, async (tx) => {
      const { credential, token } = await insertToken(tx, random, {
        org,
        kind: 'api',
        ownerKind: 'membership',
        owner: member.id,
        name: 'token',
        scopes,
        ...STAMP,
      });
      tx.audit(org, {
        verb: 'create',
        objectKind: 'credential',
        objectId: credential.id,
        objectName: 'token',
      });
      return token;
    });

  const createMember: ApiServer['createMember'] = async (of, role, name = role) => {
    const { id: org, label } = of.organization;
    const member = await store.write(
      { orgs: [INSTALLATION, org], by: BY_TEST, origin: 'system' },
      async (tx) => {
        const email = `${name}@${label}.test`;
        const made = await insertMember(tx, org, { username: email, role });
        tx.audit(INSTALLATION, {
          verb: 'create',
          objectKind: 'account',
          objectId: made.account,
          objectName: email,
        });
        tx.audit(org, { verb: 'create', objectKind: 'membership', objectId: made.id, objectName: email });
        return made;
      },
    );
    return { member, token: await issueToken(of, member, ['all']) };
  };

  return {
    ...parts,
    server,
    failures,
    organization: first.organization,
    owner: first.owner,
    token: first.token,
    call: async (method, path, options = {}) => {
      const { body, headers = {} } = options;
      const token = options.token === undefined ? first.token : options.token;
      const sent = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await server.inject({
        method: method as 'GET',
        url: path,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(typeof body === 'object' ? { 'content-type': 'application/json' } : {}),
          ...headers,
        },
        ...(sent === undefined ? {} : { payload: sent }),
      });
      return {
        status: answer.statusCode,
        headers: answer.headers,
        text: answer.body,
        json: <T>() => JSON.parse(answer.body) as T,
      };
    },
    createOrganization,
    createMember,
    createRoles: async () => {
      const tokens = new Map<Role, string>([['owner', first.token]]);
      for (const role of ROLES.filter((one) => one !== 'owner'))
        tokens.set(role, (await createMember(first, role)).token);
      return tokens;
    },
    createToken: issueToken,
    listen: async () => {
      await server.listen({ host: '127.0.0.1', port: 0 });
      const { port } = server.server.address() as AddressInfo;
      return `http://127.0.0.1:${port}`;
    },
    close: async () => {
      await server.close();
      await usage.close();
      authenticator.close();
      follower.close();
      await store.close();
      if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}
