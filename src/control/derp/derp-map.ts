/** The map that tells devices of the embedded relay. */
import { isIPv4, isIPv6 } from 'node:net';
import type { DerpMap, DerpNode } from '../wire/index.ts';

const RELAY_REGION_ID = 999;
const REGION_CODE = 'holdfast';
const REGION_NAME = 'Holdfast';
const NO_STUN = -1;

/**
 * The name in the relay's own certificate. Devices never look it up: the map has the address beside it. ".internal" belongs
 * to no one.
 */
export const RELAY_NAME = 'relay.holdfast.internal';

export interface RelayPlace {
  /** A DNS name that devices look up, or an address. */
  readonly host: string;
  readonly port: number;
  /** Undefined: no STUN. */
  readonly stunPort: number | undefined;
  /** Undefined: the certificate is one that clients trust by itself. */
  readonly pin: string | undefined;
}

export function derpMapOf({ host, port, stunPort, pin }: RelayPlace): DerpMap {
  const node: DerpNode = {
    Name: `${RELAY_REGION_ID}a`,
    RegionID: RELAY_REGION_ID,
    ...addressOf(host, pin !== undefined),
    DERPPort: port,
    STUNPort: stunPort ?? NO_STUN,
    ...(pin === undefined ? {} : { CertName: pin }),
  };
  return {
    omitDefaultRegions: true,
    Regions: {
      [RELAY_REGION_ID]: {
        RegionID: RELAY_REGION_ID,
        RegionCode: REGION_CODE,
        RegionName: REGION_NAME,
        Nodes: [node],
      },
    },
  };
}

function addressOf(host: string, pinned: boolean): Pick<DerpNode, 'HostName' | 'IPv4' | 'IPv6'> {
  // A certificate that is not pinned names what the operator says; ours has RELAY_NAME whatever the address.
  const HostName = pinned ? RELAY_NAME : host;
  if (isIPv4(host)) return { HostName, IPv4: host, IPv6: 'none' };
  if (isIPv6(host)) return { HostName, IPv4: 'none', IPv6: host };
  return { HostName: host };
}
