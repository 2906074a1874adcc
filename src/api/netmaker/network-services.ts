/** The services of networks, gateways and external clients, put together. */
import { createExtClientReads } from '../../domain/ext-clients/ext-client-reads.ts';
import { createExtClientService } from '../../domain/ext-clients/ext-client-service.ts';
import { createNetworkPermissions } from '../../domain/groups/network-permissions.ts';
import { createGatewayReads } from '../../domain/networks/gateway-reads.ts';
import { createGatewayService } from '../../domain/networks/gateway-service.ts';
import { createHostReads } from '../../domain/networks/host-reads.ts';
import { createNetworkMembers } from '../../domain/networks/network-members.ts';
import { createNetworkReads } from '../../domain/networks/network-reads.ts';
import { createNetworkService } from '../../domain/networks/network-service.ts';
import { createResourceReads } from '../../domain/networks/resource-reads.ts';
import { createResourceService } from '../../domain/networks/resource-service.ts';
import type { Sealer } from '../../domain/ports/sealer.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';

export interface NetworkServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
}

export function createNetworkServices({ store, clock, random, sealer }: NetworkServicesParts) {
  const permissions = createNetworkPermissions({ store });
  const networkReads = createNetworkReads({ store, clock, permissions });
  return {
    networks: createNetworkService({ store }),
    networkReads,
    gateways: createGatewayService({ store, random }),
    gatewayReads: createGatewayReads({ store, networks: networkReads, clock }),
    networkMembers: createNetworkMembers({ store, clock, permissions }),
    hosts: createHostReads({ store }),
    resources: createResourceService({ store }),
    resourceReads: createResourceReads({ store }),
    extClients: createExtClientService({ store, random, sealer, permissions }),
    extClientReads: createExtClientReads({ store, sealer, clock, permissions }),
  };
}
