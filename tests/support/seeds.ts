// Things put straight into the store, for tests of how they read, where no dialect writes them yet.
import type { EntityKind, Row } from '../../src/domain/model/entities.ts';
import type { AccessEdge, Gateway, Network, Resource } from '../../src/domain/model/networks.ts';
import type { Group, Membership, ServiceAccount } from '../../src/domain/model/people.ts';
import { INSTALLATION, type Store, type Tx } from '../../src/domain/ports/store.ts';
import { sha256Hex } from '../../src/kernel/hash.ts';

export const BY_TEST = { kind: 'system', id: '', name: 'test' } as const;
export const STAMP = { byKind: 'system', byId: '', byName: 'test' };

/** A write that audits one event for all that it does. */
export const seed = <T>(store: Store, org: number, work: (tx: Tx) => Promise<T>, ids = 4_000): Promise<T> =>
  store.write({ orgs: [INSTALLATION, org], by: BY_TEST, origin: 'system', ids }, async (tx) => {
    const done = await work(tx);
    for (const one of [INSTALLATION, org]) {
      tx.audit(one, { verb: 'create', objectKind: 'test', objectId: 0, objectName: 'seed' });
    }
    return done;
  });

const nano = (id: number): string => `seed${id.toString(36).padStart(22, '0')}`;

export async function insertMember(tx: Tx, org: number, patch: Partial<Membership> & { username: string }) {
  const account = await tx.insert('account', {
    org: INSTALLATION,
    id: tx.newId(),
    claimed: true,
    createdAt: tx.now,
  });
  const id = tx.newId();
  const email = patch.email === undefined ? patch.username : patch.email;
  return tx.insert('membership', {
    org,
    id,
    nano: nano(id),
    account: account.id,
    usernameKey: patch.username.toLowerCase(),
    email,
    emailKey: email?.toLowerCase() ?? null,
    displayName: null,
    givenName: null,
    familyName: null,
    avatarUrl: null,
    role: 'member',
    createdAt: tx.now,
    updatedAt: tx.now,
    joinedAt: tx.now,
    approvedAt: tx.now,
    suspendedAt: null,
    keepClients: false,
    managedBy: 'none',
    externalId: null,
    ...STAMP,
    ...patch,
  });
}

const row = <K extends EntityKind>(_kind: K, value: Row<K>): Row<K> => value;

export const insertGroup = (tx: Tx, org: number, patch: Partial<Group> & { name: string }) => {
  const id = patch.id ?? tx.newId();
  return tx.insert(
    'group',
    row('group', {
      org,
      id,
      key: `${patch.name.toLowerCase().replace(/[^a-z0-9]+/gu, '-')}-${id}`,
      kind: 'manual',
      systemKey: null,
      active: true,
      originId: null,
      securityPolicy: null,
      createdAt: tx.now,
      updatedAt: tx.now,
      ...STAMP,
      ...patch,
    }),
  );
};

export const addToGroup = (tx: Tx, org: number, group: number, members: readonly number[]) =>
  tx.insertAll(
    'groupMember',
    members.map((membership) => ({ org, group, membership, source: 'manual' as const })),
  );

export const insertNetwork = (tx: Tx, org: number, patch: Partial<Network> & { name: string }) =>
  tx.insert('network', {
    org,
    id: tx.newId(),
    nameKey: patch.name.toLowerCase(),
    slug: patch.name.toLowerCase().replace(/[^a-z0-9]+/gu, '-'),
    kind: 'regular',
    active: true,
    clientPool4: null,
    clientPool6: null,
    createdAt: tx.now,
    updatedAt: tx.now,
    ...STAMP,
    ...patch,
  });

export const insertGateway = (
  tx: Tx,
  org: number,
  patch: Partial<Gateway> & { network: number; name: string },
) =>
  tx.insert('gateway', {
    org,
    id: tx.newId(),
    device: null,
    nameKey: patch.name.toLowerCase(),
    tokenGeneration: 0,
    boundGeneration: 0,
    createdAt: tx.now,
    updatedAt: tx.now,
    ...STAMP,
    ...patch,
  });

export const insertResource = (
  tx: Tx,
  org: number,
  patch: Partial<Resource> & { network: number; name: string },
) =>
  tx.insert('resource', {
    org,
    id: tx.newId(),
    kind: 'network',
    addressText: '10.0.0.5',
    addressKind: 'ip',
    lowAddress: '10.0.0.5',
    highAddress: '10.0.0.5',
    alias: null,
    protocols: {
      allowIcmp: true,
      tcp: { policy: 'allow-all', ports: [] },
      udp: { policy: 'allow-all', ports: [] },
    },
    active: true,
    bypass: false,
    networkWide: false,
    securityPolicy: null,
    accessMode: null,
    accessSeconds: null,
    approvalMode: null,
    proxy: null,
    createdAt: tx.now,
    updatedAt: tx.now,
    ...STAMP,
    ...patch,
  });

export const insertEdge = (
  tx: Tx,
  org: number,
  patch: Partial<AccessEdge> & Pick<AccessEdge, 'resource' | 'principalKind' | 'principal'>,
) =>
  tx.insert('accessEdge', {
    org,
    id: tx.newId(),
    securityPolicy: null,
    expiresAt: null,
    accessMode: null,
    accessSeconds: null,
    approvalMode: null,
    createdAt: tx.now,
    ...STAMP,
    ...patch,
  });

export const insertServiceAccount = (
  tx: Tx,
  org: number,
  patch: Partial<ServiceAccount> & { name: string },
) => {
  const id = tx.newId();
  return tx.insert('serviceAccount', {
    org,
    id,
    nano: nano(id),
    description: null,
    role: 'none',
    system: false,
    createdAt: tx.now,
    updatedAt: tx.now,
    ...STAMP,
    ...patch,
  });
};

/** The next version of an organization's policy file. */
export async function insertPolicy(tx: Tx, org: number, policy: string | object): Promise<void> {
  const [last] = await tx.list('policyVersion', org, {
    orderBy: [{ column: 'version', descending: true }],
    limit: 1,
  });
  const text = typeof policy === 'string' ? policy : JSON.stringify(policy);
  await tx.insert('policyVersion', {
    org,
    id: tx.newId(),
    version: (last?.version ?? 0) + 1,
    text,
    etag: sha256Hex(text),
    isDefault: false,
    createdAt: tx.now,
    ...STAMP,
  });
}
