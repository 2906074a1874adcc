import { randomBytes } from 'node:crypto';
import { formatKey, generatePrivateKey, type NodeKey } from '../../src/control/noise/index.ts';
import type { Hostinfo } from '../../src/control/wire/index.ts';

const HOME_DERP = 900;

export function randomNodeKey(): NodeKey {
  return formatKey('node', generatePrivateKey().publicRaw);
}

/** What a plain Linux host reports of itself. */
export function plainHostinfo(hostname: string): Hostinfo {
  return {
    IPNVersion: '1.102.5-t0123456789',
    BackendLogID: randomBytes(32).toString('hex'),
    OS: 'linux',
    OSVersion: '6.8.0',
    Distro: 'debian',
    DistroVersion: '13',
    Machine: 'x86_64',
    GoArch: 'amd64',
    Hostname: hostname,
    Services: [
      { Proto: 'peerapi4', Port: 40_001 },
      { Proto: 'peerapi6', Port: 40_002 },
    ],
    Userspace: false,
    NetInfo: {
      MappingVariesByDestIP: false,
      WorkingIPv6: false,
      OSHasIPv6: true,
      WorkingUDP: true,
      PreferredDERP: HOME_DERP,
      LinkType: 'wired',
      DERPLatency: { [`${HOME_DERP}-v4`]: 0.01 },
    },
  };
}
