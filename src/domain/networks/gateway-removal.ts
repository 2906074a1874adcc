/** Taking a gateway out of its network, with everything that is its own. The audit event is the caller's. */
import { removeCredentials } from '../credentials/credential-removal.ts';
import { removeDevice } from '../devices/device-removal.ts';
import { removeExtClient } from '../ext-clients/client-removal.ts';
import type { Gateway } from '../model/networks.ts';
import type { Tx } from '../ports/store.ts';
import { removeGatewayGroup } from './network-members.ts';

/** Its tokens end, the devices that joined with them go; a device that serves it and belongs to somebody stays. */
export async function removeGateway(tx: Tx, gateway: Gateway): Promise<void> {
  const { org, id } = gateway;
  for (const device of await tx.find('device', org, { ownerKind: 'gateway', owner: id })) {
    await removeDevice(tx, device);
  }
  await removeCredentials(tx, org, { ownerKind: 'gateway', owner: id });
  for (const client of await tx.find('extClient', org, { gateway: id })) {
    await removeExtClient(tx, client);
  }
  await removeGatewayGroup(tx, gateway);
  await tx.remove('gatewayTwingate', org, { gateway: id });
  await tx.remove('gatewayNetmaker', org, { gateway: id });
  await tx.remove('gatewayAgent', org, { gateway: id });
  await tx.remove('gatewayAgentLive', org, { gateway: id });
  await tx.remove('gateway', org, id);
}
