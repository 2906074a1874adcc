import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAccessRequestService } from '../../../src/domain/access-requests/access-request-service.ts';
import type { Membership } from '../../../src/domain/model/people.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import {
  addToGroup,
  insertEdge,
  insertGroup,
  insertNetwork,
  insertResource,
  seed,
} from '../../support/seeds.ts';
import {
  createTwingateServer,
  type Gql,
  gid,
  gqlOf,
  mutationOf,
  type RunMutation,
  refused,
} from './support.ts';

describe.each(ENGINES)('Twingate access requests on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  let run: RunMutation;
  let acme: TestOrganization;
  let asker: Membership;
  let resource: number;
  let ask: () => Promise<string>;
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    run = mutationOf(gql);
    acme = api;
    const { member, token } = await api.createMember(acme, 'member', 'asker');
    asker = member;
    const org = acme.organization.id;
    resource = await seed(api.store, org, async (tx) => {
      const group = await insertGroup(tx, org, { name: 'Callers' });
      await addToGroup(tx, org, group.id, [member.id]);
      const network = await insertNetwork(tx, org, { name: 'Vault' });
      const made = await insertResource(tx, org, {
        network: network.id,
        name: 'vault',
        accessMode: 'access-request',
        accessSeconds: 3_600,
        approvalMode: 'manual',
      });
      await insertEdge(tx, org, { resource: made.id, principalKind: 'group', principal: group.id });
      return made.id;
    });
    const requests = createAccessRequestService({ store: api.store });
    const actor = await api.authenticator.authenticate(token);
    ask = async () => {
      const made = await requests.create(actor, { resource, reason: 'on call' }, 'twingate-api');
      return gid('AccessRequest', made.id);
    };
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const READ = `query($id: ID!) { accessRequest(id: $id) { id status reason requestedAt user { id } resource { id name } } }`;
  const statusOf = async (id: string) => (await gql(READ, { id })).data.accessRequest.status;

  test('show who wants what and why, alone and in a list that is filtered', async () => {
    const id = await ask();
    expect((await gql(READ, { id })).data.accessRequest).toEqual({
      id,
      status: 'PENDING',
      reason: 'on call',
      requestedAt: new Date(api.clock.now()).toISOString(),
      user: { id: gid('User', asker.id) },
      resource: { id: gid('Resource', resource), name: 'vault' },
    });
    const count = async (filter: string) =>
      (await gql(`{ accessRequests(filter: ${filter}) { totalCount edges { node { id } } } }`)).data
        .accessRequests.totalCount;
    expect(await count(`{userId: {in: ["${gid('User', asker.id)}"]}}`)).toBe(1);
    expect(await count(`{userId: {in: ["${gid('User', api.owner.id)}"]}}`)).toBe(0);
    expect(await count(`{resourceId: {in: ["${gid('Resource', resource)}"]}, userId: null}`)).toBe(1);
    expect(await count(`{resourceId: {in: ["${gid('User', resource)}"]}}`)).toBe(0);
    expect(await run(`accessRequestReject(id: "${id}")`, 'ok error')).toEqual({ ok: true, error: null });
    expect(await statusOf(id)).toBe('REJECTED');
  });

  test('are decided once, and a yes opens the access for its time', async () => {
    const id = await ask();
    const { member, token } = await api.createMember(acme, 'access-reviewer', 'reviewer');
    expect(member.role).toBe('access-reviewer');
    expect(await run(`accessRequestApprove(id: "${id}")`, 'ok error', undefined, token)).toEqual({
      ok: true,
      error: null,
    });
    expect(await statusOf(id)).toBe('APPROVED');
    const [lock] = await api.store.find('accessLock', acme.organization.id, { membership: asker.id });
    expect(lock?.openUntil).toBe(api.clock.now() + 3_600_000);
    expect(await run(`accessRequestApprove(id: "${id}")`, 'ok error')).toMatchObject(refused('already'));
    expect(await run(`accessRequestReject(id: "${id}")`, 'ok error')).toMatchObject(refused('already'));
  });

  test.each(['nonsense', '', gid('User', 1), gid('AccessRequest', 999_999)])(
    'that are none, such as "%s", are not decided',
    async (id) => {
      for (const verb of ['Approve', 'Reject']) {
        expect(await run(`accessRequest${verb}(id: "${id}")`, 'ok error')).toEqual({
          ok: false,
          error: `AccessRequest with id '${id}' does not exist`,
        });
      }
    },
  );
});
