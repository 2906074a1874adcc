// What ends people's and machines' ways in must end them all: whoever made ten thousand must not be there to stay.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ENGINES, openTestStore, type TestStore } from '../../../tests/support/engines.ts';
import { insertMember, insertNetwork, insertResource, STAMP, seed } from '../../../tests/support/seeds.ts';
import { systemRandom } from '../../kernel/random.ts';
import type { Actor } from '../access/actor.ts';
import { permissionsOfScopes } from '../access/scopes.ts';
import { createClientTokenService } from '../credentials/client-token-service.ts';
import { createKeyService } from '../credentials/key-service.ts';
import { newCredential } from '../credentials/new-credential.ts';
import type { Credential } from '../model/credentials.ts';
import { createResourceService } from '../networks/resource-service.ts';
import { createOrganizationService } from '../organizations/organization-service.ts';
import { removeMember } from '../people/member-removal.ts';
import type { TagRules } from '../policy-file/tag-rules.ts';
import { eachRow } from './each-row.ts';

/** More than a read returns at once. */
const MANY = 10_001;
const HOUR_MS = 3_600_000;
const ANY_TAGS: TagRules = {
  permitted: async (_, tags) => tags,
  permittedOnKey: async (_, tags) => tags,
};

describe.each(ENGINES)('more rows than a read returns on %s', (engine) => {
  let now: number;
  let opened: TestStore;
  let org: number;
  let actor: Actor;
  beforeEach(async () => {
    now = 1_700_000_000_000;
    opened = await openTestStore(engine, { now: () => now });
    const organizations = createOrganizationService({ store: opened.store, random: systemRandom });
    const made = await organizations.create(
      { label: 'many', domain: 'many.test', owner: { email: 'ada@many.test' } },
      { kind: 'system', id: '', name: 'test' },
      'system',
    );
    org = made.organization.id;
    const scopes = ['all'] as const;
    actor = {
      kind: 'client',
      org,
      name: 'test',
      client: 1,
      credential: { id: 1, kind: 'oauth-client', scopes, tags: [] },
      permissions: permissionsOfScopes(scopes),
    };
  });
  afterEach(() => opened.close());

  const credentials = (of: Pick<Credential, 'kind' | 'ownerKind' | 'owner'> & Partial<Credential>) =>
    Array.from({ length: MANY }, (_, index) =>
      newCredential({
        org,
        id: 1_000_000 + index,
        name: '',
        publicId: `many${index}`,
        secretHash: null,
        createdAt: now,
        ...STAMP,
        ...of,
      }),
    );

  test('a member is removed with all that they hold', async () => {
    const { store } = opened;
    const left = await seed(store, org, async (tx) => {
      const member = await insertMember(tx, org, { username: 'bob@many.test' });
      await tx.insertAll(
        'credential',
        credentials({ kind: 'auth-key', ownerKind: 'membership', owner: member.id }),
      );
      await tx.put('credentialSeen', { org, credential: 1_000_000, lastUsed: now });
      await removeMember(tx, member);
      return tx.count('credential', org, { where: { ownerKind: 'membership', owner: member.id } });
    });
    expect(left).toBe(0);
    expect(await store.find('credentialSeen', org, {})).toEqual([]);
  });

  test('a client that loses a tag loses all tokens that bear it', async () => {
    const { store } = opened;
    const keys = createKeyService({
      store,
      random: systemRandom,
      tagRules: ANY_TAGS,
    });
    const settings = { description: '', scopes: ['devices:core'], tags: ['tag:a'] };
    const { key } = await keys.createClient(actor, settings, 'system');
    await seed(store, org, (tx) =>
      tx.insertAll(
        'credential',
        credentials({ kind: 'access', ownerKind: 'organization', owner: 0, parent: key.id }),
      ),
    );
    await keys.replaceClient(actor, key.publicId, { ...settings, tags: ['tag:b'] }, 'system');
    const where = { parent: key.id, revokedAt: null };
    expect(await store.count('credential', org, { where })).toBe(0);
  });

  test('a resource is removed with all requests for it', async () => {
    const { store } = opened;
    const resource = await seed(store, org, async (tx) => {
      const network = await insertNetwork(tx, org, { name: 'Plant' });
      const made = await insertResource(tx, org, { name: 'Press', network: network.id });
      await tx.insertAll(
        'accessRequest',
        Array.from({ length: MANY }, (_, index) => ({
          org,
          id: 1_000_000 + index,
          membership: 1,
          resource: made.id,
          reason: '',
          seconds: null,
          status: 'approved' as const,
          requestedAt: now,
          decidedAt: now,
          decidedBy: null,
          accessUntil: now,
        })),
      );
      return made;
    });
    await createResourceService({ store }).remove(actor, resource.id, 'system');
    expect(await store.count('accessRequest', org)).toBe(0);
  });

  test('each row of a kind with another key than an id comes once', async () => {
    const { store } = opened;
    await seed(store, org, (tx) =>
      tx.insertAll(
        'deviceTag',
        Array.from({ length: 2_500 }, (_, index) => ({
          org,
          device: index % 50,
          tag: `tag:${index}`,
          source: 'admin' as const,
        })),
      ),
    );
    const seen = new Set<string>();
    for await (const { device, tag } of eachRow(store, 'deviceTag', org, {})) seen.add(`${device} ${tag}`);
    expect(seen.size).toBe(2_500);
  });

  test('tokens of a client that have ended go when it gets others', async () => {
    const { store } = opened;
    const parts = { store, random: systemRandom, tagRules: ANY_TAGS, clock: { now: () => now } };
    const settings = { description: '', scopes: ['devices:core'], tags: ['tag:a'] };
    const { key } = await createKeyService(parts).createClient(actor, settings, 'system');
    const { mint } = createClientTokenService(parts);
    for (let count = 0; count < 3; count += 1) await mint(key, { scopes: [], tags: [] }, 'system');
    now += HOUR_MS / 2;
    await mint(key, { scopes: [], tags: [] }, 'system');
    now += HOUR_MS / 2;
    await mint(key, { scopes: [], tags: [] }, 'system');
    expect(await store.count('credential', org, { where: { parent: key.id } })).toBe(2);
  });
});
