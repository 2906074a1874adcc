// Whatever administrators do to each other at once, over whichever API: one owner, who is active, and so an administrator.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Membership, Role } from '../../src/domain/model/people.ts';
import { keycardDialect } from '../compat/keycard/support.ts';
import { netmakerDialect } from '../compat/netmaker/support.ts';
import { tailscaleDialect } from '../compat/tailscale/support.ts';
import { type ApiServer, createApiServer, ENGINES } from '../support/api-server.ts';
import { seed } from '../support/seeds.ts';

const PEOPLE = 4;
const RUNS = 12;
const MAX_ACTIONS = 14;

const action = fc.record({
  actor: fc.nat(PEOPLE),
  target: fc.nat(PEOPLE),
  what: fc.constantFrom(
    'transfer',
    'transfer over netmaker',
    'demote',
    'demote over keycard',
    'suspend',
    'disable over keycard',
    'disable over netmaker',
    'delete',
    'delete over keycard',
  ),
});

describe.each(ENGINES)('an organization on %s', (engine) => {
  let api: ApiServer;
  beforeAll(async () => {
    api = await createApiServer(engine, (parts) => [
      ...tailscaleDialect()(parts),
      ...netmakerDialect(parts),
      ...keycardDialect(parts),
    ]);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  it('has one owner, active, whatever its administrators do to each other at once', async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 2, maxLength: MAX_ACTIONS }), async (actions) => {
        round += 1;
        const of = await api.createOrganization(`o${engine}${round}`);
        const org = of.organization.id;
        const people: { member: Membership; token: string }[] = [{ member: of.owner, token: of.token }];
        for (let index = 0; index < PEOPLE; index += 1) {
          people.push(await api.createMember(of, 'admin', `admin${index}`));
        }
        const call = async ({ actor, target, what }: (typeof actions)[number]): Promise<number> => {
          const { token } = people[actor]!;
          const { member } = people[target]!;
          const user = `/api/v2/users/${member.id}`;
          const keycard = `/organizations/${of.organization.label}/users/${member.nano}`;
          const name = encodeURIComponent(member.username);
          const send = async (method: string, path: string, body?: object): Promise<number> =>
            (await api.call(method, path, { token, ...(body === undefined ? {} : { body }) })).status;
          switch (what) {
            case 'transfer':
              return send('POST', `${user}/role`, { role: 'owner' });
            case 'transfer over netmaker':
              return send('POST', `/api/users/adm/transfersuperadmin/${name}`);
            case 'demote':
              return send('POST', `${user}/role`, { role: 'member' });
            case 'demote over keycard':
              return send('PATCH', keycard, { role: 'org_member' });
            case 'suspend':
              return send('POST', `${user}/suspend`);
            case 'disable over keycard':
              return send('PATCH', keycard, { status: 'disabled' });
            case 'disable over netmaker':
              return send('POST', `/api/users/${name}/disable`);
            case 'delete':
              return send('POST', `${user}/delete`);
            case 'delete over keycard':
              return send('DELETE', keycard);
          }
        };
        // What may not be is refused, each in its dialect's way; defects are looked for at the end.
        await Promise.all(actions.map(call));
        const owners = await api.store.find('membership', org, { role: 'owner' as Role });
        expect(owners).toHaveLength(1);
        expect(owners[0]).toMatchObject({
          joinedAt: expect.any(Number),
          approvedAt: expect.any(Number),
          suspendedAt: null,
        });
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  it('demotes one of two administrators who demote each other, or both, and keeps its owner', async () => {
    const of = await api.createOrganization(`two${engine}`);
    const [one, two] = [
      await api.createMember(of, 'admin', 'one'),
      await api.createMember(of, 'admin', 'two'),
    ];
    const demote = (by: { token: string }, member: Membership) =>
      api.call('POST', `/api/v2/users/${member.id}/role`, { token: by.token, body: { role: 'member' } });
    const answers = await Promise.all([demote(one, two.member), demote(two, one.member)]);
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    await seed(api.store, of.organization.id, async (tx) => {
      expect(await tx.find('membership', of.organization.id, { role: 'owner' })).toHaveLength(1);
    });
  });
});
