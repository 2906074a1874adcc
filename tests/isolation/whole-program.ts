// The whole program in this process, as `serve` puts it together, with every route that it has: whatever is mounted is here.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import { startApp } from '../../src/app.ts';
import { loadServeConfig } from '../../src/config/config.ts';
import type { Requirement } from '../../src/domain/access/authorize.ts';
import { insertToken } from '../../src/domain/credentials/insert-token.ts';
import type { Membership, Organization } from '../../src/domain/model/people.ts';
import { createOrganizationService } from '../../src/domain/organizations/organization-service.ts';
import type { Store } from '../../src/domain/ports/store.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { openStore } from '../../src/store/open-store.ts';
import { createTestDevice } from '../client/index.ts';
import { BY_TEST, insertMember, STAMP, seed } from '../support/seeds.ts';

export interface Route {
  readonly method: string;
  readonly url: string;
  /** Undefined for a route that is no operation. */
  readonly operation: string | undefined;
  readonly requires: Requirement | undefined;
}

export interface Tenant {
  readonly organization: Organization;
  readonly owner: Membership;
  readonly token: string;
}

export interface WholeProgram {
  /** Where it listens. */
  readonly origin: string;
  readonly routes: readonly Route[];
  readonly store: Store;
  ask(options: InjectOptions): Promise<LightMyRequestResponse>;
  tenant(label: string): Promise<Tenant>;
  /** A token by which a device of the organization, its owner's, says to the audience who it is. */
  deviceToken(of: Tenant, audience: string): Promise<string>;
  /** A member of the role, with an API token that nothing narrows. */
  member(of: Tenant, role: Membership['role']): Promise<string>;
  close(): Promise<void>;
}

const CHANNEL = 'fastify.initialization';
const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** The server that the program makes first is the one that listens; what it makes later, it makes for itself. */
function watchServers() {
  const routes: Route[] = [];
  let server: FastifyInstance | undefined;
  const onServer = (message: unknown): void => {
    if (server !== undefined) return;
    const { fastify } = message as { fastify: FastifyInstance };
    server = fastify;
    fastify.addHook('onRoute', ({ method, url, config }) => {
      for (const one of [method].flat()) {
        routes.push({ method: one, url, operation: config?.operation, requires: config?.requires });
      }
    });
  };
  subscribe(CHANNEL, onServer);
  return {
    routes,
    found: (): FastifyInstance => {
      unsubscribe(CHANNEL, onServer);
      if (server === undefined) throw new Error('the program made no server');
      return server;
    },
  };
}

export async function startWholeProgram(): Promise<WholeProgram> {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-isolation-'));
  const clock = { now: () => Date.now() };
  const flags = { data: directory, listen: '127.0.0.1:0', derp: false };
  const servers = watchServers();
  const app = await startApp({
    config: loadServeConfig({ flags, environment: {}, programDirectory: ROOT }),
    clock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    version: 'test',
  });
  const server = servers.found();
  const store = await openStore({ location: { kind: 'sqlite', directory }, clock, onError: () => undefined });
  const organizations = createOrganizationService({ store, random: systemRandom });

  const issue = (of: Tenant, owner: Membership): Promise<string> =>
    seed(store, of.organization.id, async (tx) => {
      const { token } = await insertToken(tx, systemRandom, {
        org: owner.org,
        kind: 'api',
        ownerKind: 'membership',
        owner: owner.id,
        name: 'token',
        scopes: ['all'],
        ...STAMP,
      });
      return token;
    });

  return {
    origin: app.origin,
    routes: servers.routes,
    store,
    ask: (options) => server.inject(options),
    tenant: async (label) => {
      const made = await organizations.create(
        { label, domain: `${label}.test`, owner: { email: `owner@${label}.test` } },
        BY_TEST,
        'system',
      );
      return { organization: made.organization, owner: made.owner, token: made.apiToken };
    },
    deviceToken: async (of, audience) => {
      const capabilities = { devices: { create: { preauthorized: true } } };
      const made = await server.inject({
        method: 'POST',
        url: '/api/v2/tailnet/-/keys',
        headers: { authorization: `Bearer ${of.token}` },
        payload: { capabilities },
      });
      const device = createTestDevice({
        ...{ url: app.origin, hostname: 'laptop', authKey: made.json<{ key: string }>().key },
      });
      try {
        await device.register();
        const asked = { CapVersion: 142, NodeKey: device.nodeKey(), Audience: audience };
        const { body } = await device.send('POST', '/machine/id-token', asked);
        return (JSON.parse(body.toString('utf8')) as { id_token: string }).id_token;
      } finally {
        device.close();
      }
    },
    member: async (of, role) => {
      const org = of.organization.id;
      const username = `${role}@${of.organization.label}.test`;
      const member = await seed(store, org, (tx) => insertMember(tx, org, { username, role }));
      return issue(of, member);
    },
    close: async () => {
      await store.close();
      await app.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
