/** A device, and the agent of a gateway, put straight into the store: what joins over the control protocol elsewhere. */
import { createWireGuardKeyPair } from '../../../src/kernel/wireguard-keys.ts';
import type { ApiServer, TestOrganization } from '../../support/api-server.ts';
import { STAMP, seed } from '../../support/seeds.ts';
import { type Call, uuidOf, type Wire } from './calls.ts';

export const DEVICE_KIND = 4;

export const keyPair = (api: ApiServer) => createWireGuardKeyPair(api.random);

/** Resolves with the device's id. */
export const seedDevice = (api: Pick<ApiServer, 'store'>, org: number, label: string): Promise<number> =>
  seed(api.store, org, async (tx) => {
    const id = tx.newId();
    await tx.insert('device', {
      org,
      id,
      machineKey: `mkey:${id}`,
      nodeKey: `nodekey:${id}`,
      ownerKind: 'tags',
      owner: 0,
      registeredBy: 0,
      class: 'normal',
      osHostname: label,
      givenName: null,
      label,
      os: 'linux',
      clientVersion: '1.102.5',
      capver: 113,
      createdAt: tx.now,
      keyExpiresAt: null,
      expiryDisabled: true,
      authorizedAt: tx.now,
      blockedAt: null,
      archivedAt: null,
      trustedAt: null,
      ephemeral: false,
      serials: [],
      credential: 0,
      ...STAMP,
    });
    const ip = `100.99.${Math.floor(id / 250) % 250}.${(id % 250) + 1}`;
    await tx.insert('address', { org, ip, family: 4, holderKind: 'device', holder: id, claim: ip });
    return id;
  });

/** The WireGuard side of a gateway, as if its agent had come. */
export const seedAgent = (api: ApiServer, org: number, gateway: number): Promise<string> =>
  seed(api.store, org, async (tx) => {
    const { publicKey } = keyPair(api);
    await tx.insert('gatewayAgent', {
      org,
      gateway,
      publicKey,
      endpoint: '203.0.113.7',
      listenPort: 51820,
      mtu: 1400,
      updatedAt: tx.now,
    });
    return publicKey;
  });

export interface MadeGateway {
  readonly network: string;
  readonly device: number;
  readonly gateway: number;
  /** Of the node, as paths have it. */
  readonly node: string;
}

/** A network and a gateway of it, made over the API as the owner. */
export async function makeGateway(
  api: ApiServer,
  call: Call,
  { organization, token }: TestOrganization,
  network: string,
): Promise<MadeGateway> {
  const device = await seedDevice(api, organization.id, `gw-${network}`);
  const made = await call('POST', '/api/networks', { netid: network }, token);
  if (made.status !== 200) throw new Error(JSON.stringify(made.body));
  await call('POST', `/api/hosts/${uuidOf(DEVICE_KIND, device)}/networks/${network}`, undefined, token);
  const { body } = await call('GET', `/api/nodes/${network}`, undefined, token);
  const [row] = await api.store.find('gateway', organization.id, { device });
  const node = String((body as Wire[])[0]?.id);
  return { network, device, gateway: row?.id ?? 0, node };
}
