// Whether an organization lets its people join others, as its setting says.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Role } from '../../src/domain/model/people.ts';
import { createInvitationsByAccount } from '../../src/domain/people/invitation-by-account.ts';
import { sha256Hex } from '../../src/kernel/hash.ts';
import { signInAs } from '../compat/keycard/support.ts';
import { type ApiServer, createApiServer, type TestOrganization } from '../support/api-server.ts';
import { insertMember, STAMP, seed } from '../support/seeds.ts';

const DAY = 24 * 60 * 60_000;
const SECRET = 's'.repeat(43);

let api: ApiServer;
let home: TestOrganization;
beforeEach(async () => {
  api = await createApiServer('sqlite', () => []);
  home = await api.createOrganization('home');
});
afterEach(async () => {
  expect(api.failures).toEqual([]);
  await api.close();
});

async function accept(role: Role): Promise<unknown> {
  const { member } = await api.createMember(home, role, 'una');
  const org = api.organization.id;
  await seed(api.store, org, async (tx) => {
    const email = 'una@home.test';
    const invited = await insertMember(tx, org, { username: email, joinedAt: null, approvedAt: null });
    await tx.insert('invitation', {
      org,
      id: tx.newId(),
      nano: 'una'.padEnd(26, 'x'),
      email,
      openKey: email,
      membership: invited.id,
      role: null,
      groups: [],
      madeBy: 'native',
      tokenHash: sha256Hex(SECRET),
      epoch: 1,
      tries: 0,
      status: 'pending',
      createdAt: tx.now,
      expiresAt: tx.now + 7 * DAY,
      lastSentAt: null,
      acceptedBy: null,
      ...STAMP,
    });
  });
  const actor = await api.authenticator.authenticate(await signInAs(api, member));
  return createInvitationsByAccount({ store: api.store })
    .accept(actor, `${org}-${SECRET}`, 'native-api')
    .then(
      () => 'joined',
      (error: { code: string }) => error.code,
    );
}
const set = (value: string): Promise<unknown> =>
  seed(api.store, home.organization.id, (tx) =>
    tx.put('setting', {
      org: home.organization.id,
      name: 'users_role_joins_external',
      value,
      updatedAt: tx.now,
    }),
  );

it.each([
  ['none', 'admin', 'forbidden'],
  ['admin', 'member', 'forbidden'],
  ['admin', 'it-admin', 'joined'],
  ['member', 'member', 'joined'],
] as const)('where %s may join others, a person whose role is %s is %s', async (value, role, outcome) => {
  await set(value);
  expect(await accept(role)).toBe(outcome);
});
