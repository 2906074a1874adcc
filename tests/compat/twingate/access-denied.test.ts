// Accesses against which the tests of the policy file speak.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ApiServer } from '../../support/api-server.ts';
import {
  addToGroup,
  insertGroup,
  insertNetwork,
  insertPolicy,
  insertResource,
  seed,
} from '../../support/seeds.ts';
import { createTwingateServer, gid, gqlOf } from './support.ts';

let api: ApiServer;
beforeEach(async () => {
  api = await createTwingateServer('sqlite');
});
afterEach(() => api.close());

test('an access that a deny test speaks against is made; refused where the organization has it so, whichever call makes it', async () => {
  const org = api.organization.id;
  const { group, resource } = await seed(api.store, org, async (tx) => {
    const made = await insertGroup(tx, org, { name: 'Ops' });
    await addToGroup(tx, org, made.id, [api.owner.id]);
    const network = await insertNetwork(tx, org, { name: 'Plant' });
    await insertPolicy(tx, org, { acls: [], tests: [{ src: 'owner@acme.test', deny: ['10.0.0.5:22'] }] });
    return {
      group: made.id,
      resource: (await insertResource(tx, org, { network: network.id, name: 'db' })).id,
    };
  });
  const gql = gqlOf(api);
  const [groupId, resourceId] = [gid('Group', group), gid('Resource', resource)];
  const calls = [
    `mutation { it: resourceAccessAdd(resourceId: "${resourceId}", access: [{ principalId: "${groupId}" }]) { ok error } }`,
    `mutation { it: groupUpdate(id: "${groupId}", addedResourceIds: ["${resourceId}"]) { ok error } }`,
  ];
  const edges = (): Promise<number> => api.store.count('accessEdge', org);
  const respect = (value: boolean): Promise<unknown> =>
    seed(api.store, org, (tx) =>
      tx.put('setting', { org, name: 'edges_respect_deny_tests', value, updatedAt: tx.now }),
    );
  for (const call of calls) {
    await respect(true);
    const { data } = await gql(call);
    expect(data.it).toEqual({
      ok: false,
      error: expect.stringContaining('owner@acme.test reaches 10.0.0.5:22'),
    });
    expect(await edges()).toBe(0);
    await respect(false);
    expect((await gql(call)).data.it).toEqual({ ok: true, error: null });
    expect(await edges()).toBe(1);
    await gql(
      `mutation { it: groupUpdate(id: "${groupId}", removedResourceIds: ["${resourceId}"]) { ok error } }`,
    );
    expect(await edges()).toBe(0);
  }
});
