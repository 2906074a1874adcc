// What the reach test's organization has before its server starts: two people, a network with a connector and two
// resources, a group, an access edge, and keys for all devices.
import { createToken } from '../../src/domain/credentials/token.ts';
import type { CredentialKind, CredentialOwnerKind } from '../../src/domain/model/credentials.ts';
import { INSTALLATION, type Tx } from '../../src/domain/ports/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { randomNanoId, systemRandom } from '../../src/kernel/random.ts';
import { openStore } from '../../src/store/open-store.ts';

const BY = { kind: 'system', id: '', name: 'test' } as const;
const STAMP = { byKind: 'system', byId: '', byName: 'test' };

export interface SeedKeys {
  readonly ada: string;
  readonly bob: string;
  readonly connector: string;
  tagged(tag: string): string;
}

const TAGS = ['tag:web', 'tag:db', 'tag:router'] as const;
/** Every port but these stays closed to those whom the edge lets in. */
export const EDGE_PORTS = [80, 443, 5432, 8080];
export const RESOURCES = ['10.88.0.2', '10.88.0.3'];

async function insertKey(
  tx: Tx,
  org: number,
  kind: CredentialKind,
  ownerKind: CredentialOwnerKind,
  owner: number,
  tags: readonly string[],
): Promise<string> {
  const id = tx.newId();
  const { token, publicId, secretHash } = createToken(systemRandom, kind, id);
  await tx.insert('credential', {
    org,
    id,
    nano: null,
    kind,
    ownerKind,
    owner,
    name: '',
    description: 'reach',
    publicId,
    secretHash,
    publicKey: null,
    scopes: [],
    tags,
    reusable: true,
    ephemeral: false,
    preauthorized: true,
    expirySeconds: null,
    createdAt: tx.now,
    updatedAt: null,
    expiresAt: null,
    consumedAt: null,
    revokedAt: null,
    generation: 1,
    parent: 0,
    federation: null,
    ...STAMP,
  });
  return token;
}

async function insertBob(tx: Tx, org: number): Promise<number> {
  const email = 'bob@acme.test';
  const account = tx.newId();
  await tx.insert('account', { org: INSTALLATION, id: account, claimed: false, createdAt: tx.now });
  const bob = await tx.insert('membership', {
    org,
    id: tx.newId(),
    nano: randomNanoId(systemRandom),
    account,
    username: email,
    usernameKey: email,
    email,
    emailKey: email,
    displayName: null,
    givenName: null,
    familyName: null,
    avatarUrl: null,
    role: 'member',
    createdAt: tx.now,
    joinedAt: tx.now,
    approvedAt: tx.now,
    suspendedAt: null,
    keepClients: false,
    managedBy: 'none',
    externalId: null,
    ...STAMP,
  });
  return bob.id;
}

/** An edge from a group with one member to each resource, over the ports of EDGE_PORTS. */
async function insertNetwork(tx: Tx, org: number, member: number): Promise<number> {
  const times = { createdAt: tx.now, updatedAt: tx.now };
  const network = tx.newId();
  await tx.insert('network', {
    org,
    id: network,
    name: 'Plant',
    nameKey: 'plant',
    slug: 'plant',
    kind: 'regular',
    active: true,
    clientPool4: null,
    clientPool6: null,
    ...times,
    ...STAMP,
  });
  const gateway = tx.newId();
  await tx.insert('gateway', {
    org,
    id: gateway,
    network,
    device: null,
    name: 'plant-1',
    nameKey: 'plant-1',
    tokenGeneration: 1,
    boundGeneration: 0,
    ...times,
    ...STAMP,
  });
  const group = tx.newId();
  await tx.insert('group', {
    org,
    id: group,
    name: 'Operators',
    key: 'operators',
    kind: 'manual',
    systemKey: null,
    active: true,
    originId: null,
    securityPolicy: null,
    ...times,
    ...STAMP,
  });
  await tx.insert('groupMember', { org, group, membership: member, source: 'manual' });
  const ports = EDGE_PORTS.map((port) => ({ start: port, end: port }));
  for (const address of RESOURCES) {
    const resource = tx.newId();
    await tx.insert('resource', {
      org,
      id: resource,
      network,
      kind: 'network',
      name: `machine ${address}`,
      addressText: address,
      addressKind: 'ip',
      lowAddress: address,
      highAddress: address,
      alias: null,
      protocols: {
        allowIcmp: false,
        tcp: { policy: 'restricted', ports },
        udp: { policy: 'restricted', ports: [] },
      },
      active: true,
      bypass: false,
      networkWide: false,
      securityPolicy: null,
      accessMode: null,
      accessSeconds: null,
      approvalMode: null,
      proxy: null,
      ...times,
      ...STAMP,
    });
    await tx.insert('accessEdge', {
      org,
      id: tx.newId(),
      resource,
      principalKind: 'group',
      principal: group,
      securityPolicy: null,
      expiresAt: null,
      accessMode: null,
      accessSeconds: null,
      approvalMode: null,
      createdAt: tx.now,
      ...STAMP,
    });
  }
  return gateway;
}

/** Into an installation that `holdfast init` made and no server runs on. */
export async function seedReach(directory: string): Promise<SeedKeys> {
  const store = await openStore({
    location: { kind: 'sqlite', directory },
    clock: systemClock,
    onError: (error) => {
      throw error;
    },
  });
  try {
    const organization = await store.organizationBy('label', 'acme');
    if (organization === undefined) throw new Error('there is no organization acme');
    const org = organization.id;
    const [ada] = await store.find('membership', org, { role: 'owner' });
    if (ada === undefined) throw new Error('the organization has no owner');
    return await store.write({ orgs: [INSTALLATION, org], by: BY, origin: 'system' }, async (tx) => {
      const bob = await insertBob(tx, org);
      const gateway = await insertNetwork(tx, org, bob);
      const tagged = new Map<string, string>();
      for (const tag of TAGS)
        tagged.set(tag, await insertKey(tx, org, 'auth-key', 'membership', ada.id, [tag]));
      for (const touched of [INSTALLATION, org]) {
        tx.audit(touched, {
          verb: 'create',
          objectKind: 'organization',
          objectId: org,
          objectName: 'seed of a test',
        });
      }
      return {
        ada: await insertKey(tx, org, 'auth-key', 'membership', ada.id, []),
        bob: await insertKey(tx, org, 'auth-key', 'membership', bob, []),
        connector: await insertKey(tx, org, 'connector-access', 'gateway', gateway, []),
        tagged: (tag) => tagged.get(tag) ?? '',
      };
    });
  } finally {
    await store.close();
  }
}
