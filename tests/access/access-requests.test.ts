// Access that is asked for, decided on, opened and closed: over HTTP, in the store, on both engines.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accessRequestOperations } from '../../src/api/native/access-requests.ts';
import { createNativeApi } from '../../src/api/native/index.ts';
import { type AccessEndings, createAccessEndings } from '../../src/domain/access-requests/access-endings.ts';
import { createAccessRequestService } from '../../src/domain/access-requests/access-request-service.ts';
import { type Answer, type ApiServer, createApiServer, ENGINES } from '../support/api-server.ts';
import {
  addToGroup,
  insertEdge,
  insertGroup,
  insertNetwork,
  insertResource,
  seed,
} from '../support/seeds.ts';

const PATH = '/app/api/access-requests';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Request {
  readonly id: number;
  readonly status: string;
  readonly access_until: string | null;
  readonly decided_by: string | null;
}

describe.each(ENGINES)('requests for access on %s', (engine) => {
  let api: ApiServer;
  let endings: AccessEndings;
  let org = 0;
  let foreign = '';
  const people = new Map<string, { id: number; token: string }>();
  const resources = new Map<string, { id: number; edge: number }>();

  beforeAll(async () => {
    api = await createApiServer(engine, ({ store, authenticator, onError }) => [
      createNativeApi({
        operations: accessRequestOperations(createAccessRequestService({ store })),
        authenticate: authenticator.authenticate,
        onClose: () => undefined,
        onDefect: onError,
      }),
    ]);
    org = api.organization.id;
    endings = createAccessEndings({
      store: api.store,
      due: { organizations: async () => [org] },
      now: api.clock.now,
    });
    const of = api;
    for (const [name, role] of [
      ['bob', 'member'],
      ['carol', 'member'],
      ['dave', 'member'],
      ['rita', 'access-reviewer'],
    ] as const) {
      const { member, token } = await api.createMember(of, role, name);
      people.set(name, { id: member.id, token });
    }
    foreign = (await api.createOrganization('rival')).token;
    await seed(api.store, org, async (tx) => {
      const network = await insertNetwork(tx, org, { name: 'Plant' });
      const group = await insertGroup(tx, org, { name: 'Ops' });
      await addToGroup(tx, org, group.id, [idOf('bob'), idOf('carol')]);
      const approvers = await insertGroup(tx, org, { name: 'Approvers' });
      await addToGroup(tx, org, approvers.id, [idOf('carol'), idOf('dave')]);
      const add = async (name: string, terms: object): Promise<void> => {
        const resource = await insertResource(tx, org, { network: network.id, name });
        const edge = await insertEdge(tx, org, {
          resource: resource.id,
          principalKind: 'group',
          principal: group.id,
          ...terms,
        });
        await tx.insert('resourceApprover', { org, resource: resource.id, group: approvers.id });
        resources.set(name, { id: resource.id, edge: edge.id });
      };
      await add('plain', {});
      await add('asked', { accessMode: 'access-request', accessSeconds: 7_200, approvalMode: 'manual' });
      await add('again', { accessMode: 'access-request', accessSeconds: null, approvalMode: 'manual' });
      await add('by-reason', {
        accessMode: 'access-request',
        accessSeconds: 3_600,
        approvalMode: 'automatic',
      });
      await add('locking', { accessMode: 'auto-lock', accessSeconds: 86_400, approvalMode: 'manual' });
    });
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const idOf = (name: string): number => people.get(name)!.id;
  const resource = (name: string): { id: number; edge: number } => resources.get(name)!;
  const post = (who: string, path: string, body: unknown = {}): Promise<Answer> =>
    api.call('POST', `${PATH}${path}`, { token: people.get(who)?.token ?? who, body });
  const ask = (who: string, name: string, more: object = {}): Promise<Answer> =>
    post(who, '', { resource: resource(name).id, ...more });
  const lock = (name: string, who: string) =>
    api.store.get('accessLock', org, { edge: resource(name).edge, membership: idOf(who) });
  const statusOf = async (id: number): Promise<string | undefined> =>
    (await api.store.get('accessRequest', org, id))?.status;
  const codeOf = (answer: Answer): [number, string] => [answer.status, answer.json<{ code: string }>().code];

  test('a request opens the access of that person, and no other, for the time of its terms', async () => {
    const made = await ask('bob', 'asked', { reason: ' look at the logs ' });
    expect(made.status).toBe(201);
    const { id, status, access_until } = made.json<Request>();
    expect({ status, access_until }).toEqual({ status: 'pending', access_until: null });
    expect(await lock('asked', 'bob')).toBeUndefined();
    expect(codeOf(await ask('bob', 'asked'))).toEqual([409, 'conflict']);

    const approved = (await post('rita', `/${id}/approve`)).json<Request>();
    const until = api.clock.now() + 2 * HOUR_MS;
    expect(approved).toMatchObject({ status: 'approved', access_until: new Date(until).toISOString() });
    expect(await lock('asked', 'bob')).toMatchObject({ openUntil: until, lockedAt: null });
    expect(await lock('asked', 'carol')).toBeUndefined();
    expect(codeOf(await post('rita', `/${id}/reject`))).toEqual([409, 'conflict']);
    expect(codeOf(await ask('bob', 'asked'))).toEqual([409, 'conflict']);

    await endings.sweep();
    expect(await statusOf(id)).toBe('approved');
    api.clock.advance(2 * HOUR_MS);
    await endings.sweep();
    expect(await statusOf(id)).toBe('expired');
    expect(await lock('asked', 'bob')).toBeUndefined();
  });

  test('a rejected request opens nothing', async () => {
    const { id } = (await ask('bob', 'again', { seconds: 600 })).json<Request>();
    expect((await post('rita', `/${id}/reject`)).json<Request>()).toMatchObject({ status: 'rejected' });
    expect(await lock('again', 'bob')).toBeUndefined();
  });

  test('the person may ask for less time than the terms give, and not for more', async () => {
    const opened = async (name: string, seconds: number): Promise<number> => {
      const { id } = (await ask('bob', name, { seconds })).json<Request>();
      const { access_until } = (await post('rita', `/${id}/approve`)).json<Request>();
      return Date.parse(access_until ?? '') - api.clock.now();
    };
    expect(await opened('again', 600)).toBe(600_000);
    expect(await opened('asked', 80_000)).toBe(2 * HOUR_MS);
    api.clock.advance(2 * HOUR_MS);
    await endings.sweep();
  });

  test('a reason alone opens what needs no approval', async () => {
    expect(codeOf(await ask('bob', 'by-reason'))).toEqual([400, 'invalid']);
    const rows = await api.store.count('accessRequest', org);
    const made = (await ask('bob', 'by-reason', { reason: 'on call' })).json<Request>();
    expect(made).toMatchObject({ status: 'approved', decided_by: 'automatic' });
    expect(await api.store.count('accessRequest', org)).toBe(rows + 1);
  });

  test('access that nobody uses locks, and opens again at a request', async () => {
    await endings.sweep();
    api.clock.advance(DAY_MS);
    await endings.sweep();
    expect(await lock('locking', 'bob')).toMatchObject({ lockedAt: api.clock.now() });
    const { id } = (await ask('bob', 'locking')).json<Request>();
    await post('rita', `/${id}/approve`);
    expect(await lock('locking', 'bob')).toMatchObject({ lockedAt: null, lastUsed: api.clock.now() });
    await endings.sweep();
    expect(await lock('locking', 'bob')).toMatchObject({ lockedAt: null });
  });

  test('members of an approver group decide, but not on their own', async () => {
    const own = (await ask('carol', 'asked')).json<Request>();
    expect(codeOf(await post('carol', `/${own.id}/approve`))).toEqual([403, 'forbidden']);
    expect((await post('dave', `/${own.id}/approve`)).status).toBe(200);
    expect(codeOf(await post('bob', `/${own.id}/reject`))).toEqual([404, 'not_found']);
  });

  test('what is open, not there, or of no group of the person cannot be asked for', async () => {
    expect(codeOf(await ask('bob', 'plain'))).toEqual([409, 'conflict']);
    expect(codeOf(await ask('dave', 'asked'))).toEqual([404, 'not_found']);
    expect(codeOf(await post('bob', '', { resource: 999_999_999 }))).toEqual([404, 'not_found']);
    for (const body of [
      {},
      { resource: 'x' },
      { resource: 1, more: 1 },
      { resource: resource('again').id, seconds: 1 },
    ]) {
      const answer = await post('bob', '', body);
      expect([JSON.stringify(body), answer.status]).toEqual([JSON.stringify(body), 400]);
    }
    expect((await ask('bob', 'again', { member: idOf('carol') })).status).toBe(403);
  });

  test('another organization sees and decides on none of them', async () => {
    const { id } = (await ask('carol', 'again')).json<Request>();
    expect((await post(foreign, `/${id}/approve`)).status).toBe(404);
    expect((await post(foreign, `/${id}/reject`)).status).toBe(404);
    expect((await post(foreign, '', { resource: resource('again').id })).status).toBe(404);
    const seen = await api.call('GET', PATH, { token: foreign });
    expect(seen.json()).toEqual({ access_requests: [] });
    expect(await statusOf(id)).toBe('pending');
  });

  test('people see their own and those they approve; reviewers see all', async () => {
    const of = async (who: string, query = ''): Promise<number> => {
      const answer = await api.call('GET', `${PATH}${query}`, { token: people.get(who)!.token });
      return answer.json<{ access_requests: unknown[] }>().access_requests.length;
    };
    const all = await api.store.count('accessRequest', org);
    const bobs = await api.store.count('accessRequest', org, { where: { membership: idOf('bob') } });
    expect(await of('rita')).toBe(all);
    expect(await of('dave')).toBe(all);
    expect(await of('bob')).toBe(bobs);
    expect(await of('rita', '?status=pending')).toBe(1);
  });

  test('a request that nobody decides on expires after a week', async () => {
    const [waiting] = await api.store.find('accessRequest', org, { status: 'pending' });
    api.clock.advance(7 * DAY_MS);
    expect(codeOf(await post('rita', `/${waiting?.id}/approve`))).toEqual([409, 'conflict']);
    await endings.sweep();
    expect(await statusOf(waiting?.id ?? 0)).toBe('expired');
  });

  test('an edge past its expiry goes, with its locks', async () => {
    const { edge } = resource('again');
    await seed(api.store, org, (tx) => tx.update('accessEdge', org, edge, { expiresAt: tx.now + 1 }));
    api.clock.advance(1);
    await endings.sweep();
    expect(await api.store.get('accessEdge', org, edge)).toBeUndefined();
    expect(await api.store.find('accessLock', org, { edge })).toEqual([]);
  });
});
