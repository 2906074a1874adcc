import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ApiServer, createApiServer } from '../../tests/support/api-server.ts';
import {
  addToGroup,
  insertEdge,
  insertGroup,
  insertNetwork,
  insertResource,
  seed,
} from '../../tests/support/seeds.ts';
import { guardEdges } from '../domain/networks/guarded-edges.ts';
import type { Store } from '../domain/ports/store.ts';
import { createEdgeGuard } from './edge-guard.ts';

describe('a new access', () => {
  let api: ApiServer;
  let store: Store;
  let org = 0;
  let group = 0;
  let network = 0;
  const resourceIn = (of: number, addressText = '10.0.0.5'): Promise<number> =>
    seed(api.store, org, async (tx) => {
      const parts = { addressText, lowAddress: addressText, highAddress: addressText };
      return (await insertResource(tx, org, { network: of, name: `at ${addressText}`, ...parts })).id;
    });
  const open = (resource: number): Promise<unknown> =>
    seed(store, org, (tx) => insertEdge(tx, org, { resource, principalKind: 'group', principal: group }));
  const file = (tests: unknown): Promise<unknown> =>
    seed(api.store, org, async (tx) => {
      const [row] = await tx.list('policyVersion', org, {
        orderBy: [{ column: 'version', descending: true }],
        limit: 1,
      });
      const text = JSON.stringify({ acls: [], groups: { 'group:staff': ['owner@acme.test'] }, tests });
      if (row !== undefined)
        await tx.insert('policyVersion', { ...row, id: tx.newId(), version: row.version + 1, text });
    });
  const warnings = async (): Promise<(string | null)[]> =>
    (await api.store.auditEvents(org, { afterSeq: 0, limit: 10_000 }))
      .filter(({ field }) => field === 'warning')
      .map(({ after }) => after);
  const respect = (): Promise<unknown> =>
    seed(api.store, org, (tx) =>
      tx.put('setting', { org, name: 'edges_respect_deny_tests', value: true, updatedAt: tx.now }),
    );

  beforeEach(async () => {
    api = await createApiServer('sqlite', () => []);
    org = api.organization.id;
    store = guardEdges(api.store, createEdgeGuard());
    await seed(api.store, org, async (tx) => {
      group = (await insertGroup(tx, org, { name: 'Ops' })).id;
      await addToGroup(tx, org, group, [api.owner.id]);
      network = (await insertNetwork(tx, org, { name: 'Plant' })).id;
    });
  });
  afterEach(() => api.close());

  it.each(['owner@acme.test', 'group:staff', 'autogroup:member', '*'])(
    'that a test denies to %s is made, with a warning',
    async (src) => {
      await file([{ src, deny: ['10.0.0.5:22'] }]);
      await open(await resourceIn(network));
      expect(await warnings()).toEqual([expect.stringContaining(`${src} reaches 10.0.0.5:22`)]);
      expect(await api.store.count('accessEdge', org)).toBe(1);
    },
  );

  it('that a test denies is refused where the organization has it so, and leaves nothing', async () => {
    await file([{ src: 'owner@acme.test', deny: ['10.0.0.5:22'] }]);
    await respect();
    const denied = await resourceIn(network);
    await expect(open(denied)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('owner@acme.test reaches 10.0.0.5:22'),
    });
    expect(await api.store.count('accessEdge', org)).toBe(0);
    expect(await warnings()).toEqual([]);
    await open(await resourceIn(network, '10.0.0.6'));
    expect(await api.store.count('accessEdge', org)).toBe(1);
  });

  it('that no test speaks against is made without a word', async () => {
    await file([
      { src: 'owner@acme.test', accept: ['10.0.0.5:22'] },
      { src: 'owner@acme.test', deny: ['10.0.0.9:22'] },
      { src: 'somebody@acme.test', deny: ['10.0.0.5:22'] },
    ]);
    await respect();
    await open(await resourceIn(network));
    expect(await warnings()).toEqual([]);
  });

  it('to an address that the same people reach in another network gives a warning that says where it leads', async () => {
    const other = await seed(api.store, org, (tx) => insertNetwork(tx, org, { name: 'Office' }));
    await open(await resourceIn(network));
    expect(await warnings()).toEqual([]);
    await open(await resourceIn(other.id));
    expect(await warnings()).toEqual([expect.stringContaining('10.0.0.5')]);
  });
});
