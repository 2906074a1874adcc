// A real relay (derper) with STUN in a host of the world, and the map that tells clients of it.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { World } from './namespaces.ts';
import { type Program, untilLogged } from './program.ts';
import type { RealClients } from './real-clients.ts';

const PORT = 3340;
const STUN_PORT = 3478;
const REGION_ID = 900;
const START_TIMEOUT_MS = 30_000;

export interface Relay {
  /** A DERPMap with this relay only, as JSON has it. */
  readonly derpMap: unknown;
  readonly process: Program;
}

/**
 * Starts derper on an address of the host. It makes itself a certificate for that address; clients trust it by the hash
 * in the map's `CertName`, as they would a relay of one's own.
 */
export async function startRelay(
  world: World,
  clients: RealClients,
  host: string,
  address: string,
): Promise<Relay> {
  const directory = path.join(world.directory, 'relay');
  mkdirSync(directory, { recursive: true });
  const tls = ['-certmode=manual', `-certdir=${directory}`, `-hostname=${address}`];
  const listen = [`-a=${address}:${PORT}`, `-stun-port=${STUN_PORT}`, '-http-port=-1'];
  const relay = await world.start(host, [
    clients.derper,
    `-c=${path.join(directory, 'derper.json')}`,
    ...tls,
    ...listen,
  ]);
  // derper logs the `CertName` to use for a certificate that it made for an address.
  const [certName] = await untilLogged(relay, /sha256-raw:[0-9a-f]{64}/, START_TIMEOUT_MS);
  return {
    process: relay,
    derpMap: {
      OmitDefaultRegions: true,
      Regions: {
        [REGION_ID]: {
          RegionID: REGION_ID,
          RegionCode: 'test',
          RegionName: 'Test',
          Nodes: [
            {
              Name: `${REGION_ID}a`,
              RegionID: REGION_ID,
              HostName: address,
              IPv4: address,
              IPv6: 'none',
              DERPPort: PORT,
              STUNPort: STUN_PORT,
              CertName: certName,
            },
          ],
        },
      },
    },
  };
}
