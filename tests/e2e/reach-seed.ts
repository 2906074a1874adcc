// What the reach test's organization has before its server starts: two people, a network with a connector and two
// resources, a group, access edges, and keys for all devices.
import { insertToken } from '../../src/domain/credentials/insert-token.ts';
import type { Credential, CredentialKind } from '../../src/domain/model/credentials.ts';
import type { Tx } from '../../src/domain/ports/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { openStore } from '../../src/store/open-store.ts';
import {
  addToGroup,
  insertEdge,
  insertGateway,
  insertGroup,
  insertMember,
  insertNetwork,
  insertResource,
  STAMP,
  seed,
} from '../support/seeds.ts';

export interface SeedKeys {
  readonly ada: string;
  readonly bob: string;
  readonly connector: string;
  tagged(tag: string): string;
}

const TAGS = ['tag:web', 'tag:db', 'tag:router'] as const;
/** Every port but these stays closed to those whom the edge lets in. */
const EDGE_PORTS = [80, 443, 5432, 8080];
export const RESOURCES = ['10.88.0.2', '10.88.0.3'];

async function insertKey(
  tx: Tx,
  org: number,
  kind: CredentialKind,
  of: Pick<Credential, 'ownerKind' | 'owner'> & { readonly tags?: readonly string[] },
): Promise<string> {
  const { token } = await insertToken(tx, systemRandom, {
    org,
    kind,
    name: 'reach',
    preauthorized: true,
    generation: 1,
    ...STAMP,
    ...of,
  });
  return token;
}

/** Edges from a group with one member to each resource, over EDGE_PORTS. Resolves with the gateway's id. */
async function insertPlant(tx: Tx, org: number, member: number): Promise<number> {
  const network = await insertNetwork(tx, org, { name: 'Plant' });
  const gateway = await insertGateway(tx, org, { network: network.id, name: 'plant-1', tokenGeneration: 1 });
  const group = await insertGroup(tx, org, { name: 'Operators' });
  await addToGroup(tx, org, group.id, [member]);
  const ports = EDGE_PORTS.map((port) => ({ start: port, end: port }));
  for (const address of RESOURCES) {
    const resource = await insertResource(tx, org, {
      network: network.id,
      name: `machine ${address}`,
      addressText: address,
      lowAddress: address,
      highAddress: address,
      protocols: {
        allowIcmp: false,
        tcp: { policy: 'restricted', ports },
        udp: { policy: 'restricted', ports: [] },
      },
    });
    await insertEdge(tx, org, { resource: resource.id, principalKind: 'group', principal: group.id });
  }
  return gateway.id;
}

/** Into an installation that `holdfast init` made and no server runs on. */
export async function seedReach(directory: string): Promise<SeedKeys> {
  const onError = (error: unknown): void => {
    throw error;
  };
  const store = await openStore({ location: { kind: 'sqlite', directory }, clock: systemClock, onError });
  try {
    const organization = await store.organizationBy('label', 'acme');
    if (organization === undefined) throw new Error('there is no organization acme');
    const org = organization.id;
    const [ada] = await store.find('membership', org, { role: 'owner' });
    if (ada === undefined) throw new Error('the organization has no owner');
    return await seed(store, org, async (tx) => {
      const bob = await insertMember(tx, org, { username: 'bob@acme.test' });
      const gateway = await insertPlant(tx, org, bob.id);
      const tagged = new Map<string, string>();
      for (const tag of TAGS) {
        const of = { ownerKind: 'membership', owner: ada.id, tags: [tag] } as const;
        tagged.set(tag, await insertKey(tx, org, 'auth-key', of));
      }
      return {
        ada: await insertKey(tx, org, 'auth-key', { ownerKind: 'membership', owner: ada.id }),
        bob: await insertKey(tx, org, 'auth-key', { ownerKind: 'membership', owner: bob.id }),
        connector: await insertKey(tx, org, 'connector-access', { ownerKind: 'gateway', owner: gateway }),
        tagged: (tag) => tagged.get(tag) ?? '',
      };
    });
  } finally {
    await store.close();
  }
}
