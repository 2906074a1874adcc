// What an access to a resource would open, over HTTP: by its name, to whoever may read networks.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { NamedImpact } from '../../src/effective-policy/policy-impact.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore, type StoreLocation } from '../../src/store/open-store.ts';
import { carry, insertDevice } from '../cli/policy-place.ts';
import { commandLine } from '../support/command-line.ts';
import { ENGINES } from '../support/engines.ts';
import type { Server } from '../support/holdfast.ts';
import { ask, createInstallation, type TestInstallation } from '../support/installation.ts';
import {
  addToGroup,
  insertEdge,
  insertGateway,
  insertGroup,
  insertMember,
  insertNetwork,
  insertResource,
  seed,
} from '../support/seeds.ts';

const Nodes = z.object({
  edges: z.array(z.object({ node: z.object({ id: z.string(), name: z.string() }) })),
});
const Listed = z.object({ data: z.object({ resources: Nodes, groups: Nodes }) });
const TEST_MS = 60_000;

describe.each(ENGINES)('an access that is only asked about, on %s', (engine) => {
  let installation: TestInstallation;
  let server: Server;

  const post = async (path: string, body: unknown, key: string, header = 'authorization') => {
    const value = header === 'authorization' ? `Bearer ${key}` : key;
    const { status, text } = await ask(`${server.url}${path}`, undefined, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json', [header]: value } },
      body: JSON.stringify(body),
    });
    expect(status, text).toBe(200);
    return JSON.parse(text) as unknown;
  };
  const impactOf = async (path: string, body: unknown, key = installation.apiKey): Promise<NamedImpact> => {
    const found = await post('/app/api/impact', { method: 'POST', path, body }, key);
    return (found as { impact: NamedImpact }).impact;
  };

  beforeAll(async () => {
    installation = await createInstallation(engine);
    const [flag, value = ''] = installation.flags;
    const location: StoreLocation =
      flag === '--data' ? { kind: 'sqlite', directory: value } : { kind: 'postgres', url: value };
    const onError = (error: unknown): void => {
      throw error;
    };
    const store = await openStore({ location, clock: systemClock, onError });
    const org = (await store.organizationBy('label', 'acme'))?.id ?? 0;
    const [owner] = await store.find('membership', org, { role: 'owner' });
    const ada = owner?.id ?? 0;
    await seed(store, org, async (tx) => {
      await insertDevice(tx, org, 'laptop', null, ada, '100.64.0.1');
      const { id: network } = await insertNetwork(tx, org, { name: 'Plant' });
      const device = await insertDevice(tx, org, 'box', null, ada, '100.127.0.1', { class: 'edge-only' });
      const gateway = await insertGateway(tx, org, { network, name: 'plant-1', device });
      await tx.update('device', org, device, { ownerKind: 'gateway', owner: gateway.id });
      const at = (ip: string) => ({ addressText: ip, lowAddress: ip, highAddress: ip });
      const lathe = await insertResource(tx, org, { network, name: 'lathe', ...at('10.88.0.2') });
      // A router outside of the network carries the same address as a resource of it.
      const router = await insertDevice(tx, org, 'router', 'tag:router', ada, '100.64.0.5');
      await carry(tx, org, router, '10.88.0.3/32');
      const press = await insertResource(tx, org, { network, name: 'press', ...at('10.88.0.3') });
      await tx.insert('routePrimary', { org, network, prefix: '10.88.0.3/32', device, since: tx.now });
      const named = { addressKind: 'dns', lowAddress: null, highAddress: null } as const;
      await insertResource(tx, org, { network, name: 'database', ...named, addressText: 'db.plant.test' });
      const { id: depot } = await insertNetwork(tx, org, { name: 'Depot' });
      await insertGateway(tx, org, { network: depot, name: 'depot-1' });
      await insertResource(tx, org, { network: depot, name: 'crane', ...at('10.90.0.2') });
      const staff = await insertGroup(tx, org, { name: 'Staff' });
      await addToGroup(tx, org, staff.id, [ada]);
      const others = await insertGroup(tx, org, { name: 'Others' });
      const eve = await insertMember(tx, org, { username: 'eve@acme.test' });
      await insertDevice(tx, org, 'pad', null, eve.id, '100.64.0.9');
      await addToGroup(tx, org, others.id, [eve.id]);
      await insertEdge(tx, org, { resource: lathe.id, principalKind: 'group', principal: others.id });
      await insertEdge(tx, org, { resource: press.id, principalKind: 'group', principal: others.id });
      const prefix = '10.88.0.2/32';
      await tx.insert('routePrimary', { org, network, prefix, device, since: tx.now });
    });
    await store.close();
    server = await installation.start();
  }, TEST_MS);
  afterAll(() => installation.end());

  const access = async (name: string): Promise<string> => {
    const query = '{ resources { edges { node { id name } } } groups { edges { node { id name } } } }';
    const { data } = Listed.parse(await post('/api/graphql/', { query }, installation.apiKey, 'x-api-key'));
    const idOf = ({ edges }: z.infer<typeof Nodes>, called: string): string =>
      edges.find(({ node }) => node.name === called)?.node.id ?? '';
    const to = `access: [{ principalId: "${idOf(data.groups, 'Staff')}" }]`;
    return `mutation { resourceAccessAdd(resourceId: "${idOf(data.resources, name)}", ${to}) { ok error } }`;
  };

  test('names the resource and the network', async () => {
    const { traffic, routes, waiting } = await impactOf('/api/graphql/', { query: await access('lathe') });
    expect(traffic).toMatchObject([{ sources: ['laptop'], targets: ['box'], closes: [] }]);
    const place = { kind: 'resource', name: 'lathe', resourceAddress: '10.88.0.2', network: 'Plant' };
    const addresses = ['10.88.0.2'];
    for (const flow of traffic[0]?.opens ?? []) {
      expect(flow).toMatchObject({ behind: addresses, places: [{ ...place, addresses }] });
    }
    expect(routes).toMatchObject([{ opens: ['10.88.0.2/32'], opensPlaces: [place] }]);
    expect(waiting).toEqual([]);
  });

  test('tells of a name without an address, though no packet passes yet', async () => {
    const { pairs, traffic, waiting } = await impactOf('/api/graphql/', {
      query: await access('database'),
    });
    expect({ pairs, traffic }).toEqual({ pairs: 0, traffic: [] });
    const resource = { resource: 'database', address: 'db.plant.test', network: 'Plant', for: 'address' };
    expect(waiting).toEqual([{ ...resource, opens: ['laptop'], closes: [] }]);
  });

  test('tells of a network that has no gateway', async () => {
    const { traffic, waiting } = await impactOf('/api/graphql/', { query: await access('crane') });
    expect(traffic).toEqual([]);
    const resource = { resource: 'crane', address: '10.90.0.2', network: 'Depot', for: 'gateway' };
    expect(waiting).toEqual([{ ...resource, opens: ['laptop'], closes: [] }]);
  });

  test('does not name it to a token that may not read networks', async () => {
    const about = ['--org', 'acme', '--user', 'owner@acme.test', '--json', '--scopes', 'policy_file'];
    const made = await commandLine('token', 'create', ...about, ...installation.flags);
    const grants = [{ src: ['owner@acme.test'], dst: ['10.88.0.2'], ip: ['tcp:80'] }];
    const { api_key: key } = made.json<{ api_key: string }>();
    const told = await impactOf('/api/v2/tailnet/-/acl', { grants }, key);
    expect(JSON.stringify(told)).not.toMatch(/lathe|Plant/u);
    const opens = told.traffic.filter(({ targets }) => targets[0] === 'box').flatMap((one) => one.opens);
    expect(opens).toMatchObject([{ first: 80, places: [{ kind: 'address', addresses: ['10.88.0.2'] }] }]);
    const whole = await impactOf('/api/v2/tailnet/-/acl', { grants });
    expect(JSON.stringify(whole)).toContain('lathe');
    await post('/api/v2/tailnet/-/acl', { grants: [] }, key);
    const both = [{ src: ['owner@acme.test'], dst: ['10.88.0.3'], ip: ['tcp:80'] }];
    const less = await impactOf('/api/v2/tailnet/-/acl', { grants: both }, key);
    expect(less.traffic.map(({ targets }) => targets)).toContainEqual(['box', 'router']);
    expect(JSON.stringify(less)).not.toMatch(/press|Plant/u);
  });
});
