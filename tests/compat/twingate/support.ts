/** The dialect on a server of its own, with a small organization in it. */
import type { FastifyPluginAsync } from 'fastify';
import { expect } from 'vitest';
import { createTwingateApi, createTwingateServices } from '../../../src/api/twingate/index.ts';
import { guardEdges } from '../../../src/domain/networks/guarded-edges.ts';
import { createEdgeGuard } from '../../../src/effective-policy/edge-guard.ts';
import { type ApiParts, type ApiServer, createApiServer, type EngineName } from '../../support/api-server.ts';
import {
  addToGroup,
  insertEdge,
  insertGateway,
  insertGroup,
  insertMember,
  insertNetwork,
  insertResource,
  insertServiceAccount,
  seed,
} from '../../support/seeds.ts';
import { addDevices } from '../tailscale/support.ts';

export const twingateDialect = ({
  store,
  clock,
  random,
  authenticator,
  onError,
}: ApiParts): FastifyPluginAsync[] => [
  createTwingateApi({
    services: createTwingateServices({ store: guardEdges(store, createEdgeGuard()), clock, random }),
    authenticate: authenticator.authenticate,
    clock,
    onError,
  }),
];

export const createTwingateServer = (engine: EngineName): Promise<ApiServer> =>
  createApiServer(engine, twingateDialect);

export interface GraphqlAnswer {
  // Answers are shapes that each test knows; they are compared, never computed with.
  // biome-ignore lint/suspicious/noExplicitAny: the shape follows from the document of each test
  readonly data: any;
  readonly errors?: readonly { message: string; path?: unknown; extensions?: Record<string, unknown> }[];
}

export type Gql = (
  query: string,
  variables?: Record<string, unknown>,
  token?: string,
) => Promise<GraphqlAnswer>;

/** Sends a document as the owner; the answer must be 200. */
export const gqlOf =
  (api: ApiServer): Gql =>
  async (query, variables, token = api.token) => {
    const answer = await api.call('POST', '/api/graphql/', {
      token: null,
      headers: { 'x-api-key': token },
      body: { query, ...(variables === undefined ? {} : { variables }) },
    });
    expect(answer.status, answer.text).toBe(200);
    return answer.json<GraphqlAnswer>();
  };

export type RunMutation = (
  call: string,
  fields?: string,
  variables?: Record<string, unknown>,
  token?: string,
  // biome-ignore lint/suspicious/noExplicitAny: the shape follows from the fields of each test
) => Promise<any>;

/** Input types of the variables that tests hand to one mutation, by their names. */
const VARIABLE_TYPES: Readonly<Record<string, string>> = {
  access: '[AccessInput!]!',
  protocols: 'ProtocolsInput',
  tags: '[TagInput!]',
  policy: 'AccessPolicyInput',
  text: 'String!',
  list: '[String!]',
};

/** One mutation, written as its call; the answer is its payload. */
export const mutationOf =
  (gql: Gql): RunMutation =>
  async (call, fields = 'ok error entity { id }', variables, token) => {
    const names = Object.keys(variables ?? {});
    const declared =
      names.length === 0 ? '' : `(${names.map((name) => `$${name}: ${VARIABLE_TYPES[name]}`).join(', ')})`;
    const { data, errors } = await gql(`mutation${declared} { it: ${call} { ${fields} } }`, variables, token);
    expect(errors).toBeUndefined();
    return data.it;
  };

export const refused = (text: string | RegExp) => ({ ok: false, error: expect.stringMatching(text) });

export const gid = (type: string, id: number): string => Buffer.from(`${type}:${id}`).toString('base64');

/** People, groups, two networks with connectors, resources, edges, service accounts and devices. */
export async function seedOrganization(
  api: Pick<ApiServer, 'store' | 'leases' | 'organization' | 'owner'>,
  org = api.organization.id,
  owner = api.owner.id,
) {
  const { store } = api;
  const [laptop, phone, blocked, tagged, connectorDevice, offline] = await addDevices(api, org, [
    { label: `laptop-${org}`, owner, online: true, patch: { serials: ['SN-1', 'SN-2'], os: 'macOS' } },
    { label: `phone-${org}`, owner, patch: { os: 'iOS', trustedAt: 1, archivedAt: 1 } },
    { label: `blocked-${org}`, owner, patch: { blockedAt: 1, archivedAt: 1 } },
    { label: `server-${org}`, tags: ['tag:server'] },
    { label: `gw-${org}`, online: true, patch: { ownerKind: 'gateway', owner: 1 } },
    { label: `gw-off-${org}`, patch: { ownerKind: 'gateway', owner: 2 } },
  ]);
  return seed(store, org, async (tx) => {
    const now = tx.now;
    const anna = await insertMember(tx, org, {
      username: `anna@org${org}.test`,
      givenName: 'Anna',
      familyName: 'Ünal',
      role: 'network-admin',
    });
    const pending = await insertMember(tx, org, {
      username: `pending@org${org}.test`,
      joinedAt: null,
      approvedAt: null,
      managedBy: 'directory',
    });
    const suspended = await insertMember(tx, org, {
      username: `local${org}`,
      email: null,
      suspendedAt: now,
      role: 'billing-admin',
    });
    const ops = await insertGroup(tx, org, { name: 'Ops' });
    const twin = await insertGroup(tx, org, {
      name: 'Ops',
      active: false,
      kind: 'directory',
      originId: 'idp-7',
    });
    const hidden = await insertGroup(tx, org, { name: 'gw users', kind: 'system', systemKey: 'gw-9-users' });
    await addToGroup(tx, org, ops.id, [owner, anna.id]);
    await addToGroup(tx, org, twin.id, [pending.id]);
    const prod = await insertNetwork(tx, org, { name: 'Prod DC' });
    const lab = await insertNetwork(tx, org, { name: 'Lab', kind: 'exit', active: false });
    await tx.insert('networkTwingate', { org, network: prod.id, location: 'AWS' });
    const never = await insertGateway(tx, org, { network: prod.id, name: 'never' });
    const alive = await insertGateway(tx, org, {
      network: prod.id,
      name: 'alive',
      device: connectorDevice?.id ?? 0,
      tokenGeneration: 2,
      boundGeneration: 2,
    });
    const old = await insertGateway(tx, org, { network: lab.id, name: 'alive', device: offline?.id ?? 0 });
    const unbound = await insertGateway(tx, org, {
      network: lab.id,
      name: 'unbound',
      device: connectorDevice?.id ?? 0,
      tokenGeneration: 3,
      boundGeneration: 2,
    });
    const database = await insertResource(tx, org, {
      network: prod.id,
      name: 'database',
      protocols: {
        allowIcmp: false,
        tcp: { policy: 'restricted', ports: [{ start: 5432, end: 5433 }] },
        udp: { policy: 'restricted', ports: [] },
      },
      accessMode: 'auto-lock',
      accessSeconds: 7 * 86_400,
      approvalMode: 'automatic',
    });
    await tx.insertAll('resourceLabel', [
      { org, resource: database.id, key: 'env', value: 'prod' },
      { org, resource: database.id, key: 'team', value: 'data' },
    ]);
    const wiki = await insertResource(tx, org, {
      network: lab.id,
      name: 'wiki',
      addressText: '*.wiki.test',
      addressKind: 'dns',
      alias: 'wiki.int',
      kind: 'egress',
      active: false,
    });
    const robot = await insertServiceAccount(tx, org, { name: 'robot' });
    const edge = await insertEdge(tx, org, {
      resource: database.id,
      principalKind: 'group',
      principal: ops.id,
    });
    const robotEdge = await insertEdge(tx, org, {
      resource: database.id,
      principalKind: 'service_account',
      principal: robot.id,
      accessMode: 'manual',
      expiresAt: now + 60_000,
    });
    await insertEdge(tx, org, {
      resource: wiki.id,
      principalKind: 'group',
      principal: ops.id,
      expiresAt: now - 1,
    });
    await tx.insert('serialNumber', { org, id: tx.newId(), serial: 'SN-2', createdAt: now });
    await tx.insert('serialNumber', { org, id: tx.newId(), serial: 'SN-9', createdAt: now });
    const stamps = { createdAt: now, updatedAt: now };
    const authority = (kind: 'x509' | 'ssh') =>
      tx.insert('certificateAuthority', {
        org,
        id: tx.newId(),
        kind,
        name: `seeded ${kind}`,
        material: '',
        fingerprint: 'AB:CD',
        ...stamps,
      });
    const [x509, ssh] = [await authority('x509'), await authority('ssh')];
    const proxy = await tx.insert('proxy', {
      org,
      id: tx.newId(),
      network: prod.id,
      address: '10.0.0.7:443',
      x509Ca: x509.id,
      sshCa: ssh.id,
      ...stamps,
    });
    const profile = await tx.insert('dnsFilterProfile', {
      org,
      id: tx.newId(),
      name: 'seeded profile',
      priority: 1,
      fallback: 'auto',
      lists: { allowed: [], denied: [] },
      categories: {},
      ...stamps,
    });
    await tx.insert('dnsFilterGroup', { org, group: ops.id, profile: profile.id });
    const request = await tx.insert('accessRequest', {
      org,
      id: tx.newId(),
      membership: anna.id,
      resource: database.id,
      reason: 'seeded',
      seconds: null,
      status: 'pending',
      requestedAt: now,
      decidedAt: null,
      decidedBy: null,
      accessUntil: null,
    });
    const policy = await tx.insert('securityPolicy', {
      org,
      id: tx.newId(),
      name: 'seeded policy',
      type: 'resource',
      conditions: [],
      ...stamps,
    });
    return {
      people: { anna, pending, suspended },
      groups: { ops, twin, hidden },
      networks: { prod, lab },
      gateways: { never, alive, old, unbound },
      resources: { database, wiki },
      robot,
      edges: { edge, robotEdge },
      proxied: { x509, ssh, proxy },
      profile,
      request,
      policy,
      devices: { laptop, phone, blocked, tagged, connectorDevice, offline },
    };
  });
}
export type Seeded = Awaited<ReturnType<typeof seedOrganization>>;
