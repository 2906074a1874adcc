/** What `fields=all` adds to a device: routes, and what the client reported of itself. */
import { type DeviceRoutes, routesOf } from '../../domain/devices/device-admin-routes.ts';
import { relayLatencies } from '../../domain/devices/relay-latencies.ts';
import type { HostFacts } from '../../domain/model/devices.ts';
import type { DeviceDetails } from '../../domain/ports/queries.ts';

/** The name of a relay region, as a person knows it. */
export type RegionName = (region: number) => string;

const MS = 1000;

/** Facts come from devices: each is taken only if it is of the kind that it should be. */
const textOf = (facts: HostFacts, name: string): string => {
  const value = facts[name];
  return typeof value === 'string' ? value : '';
};
const booleanOf = (facts: HostFacts, name: string): boolean | null => {
  const value = facts[name];
  return typeof value === 'boolean' ? value : null;
};

function latencyOf(netInfo: HostFacts, homeDerp: number, regionName: RegionName): Record<string, object> {
  return Object.fromEntries(
    [...relayLatencies(netInfo)].map(([region, seconds]) => {
      const latencyMs = seconds * MS;
      return [regionName(region), region === homeDerp ? { preferred: true, latencyMs } : { latencyMs }];
    }),
  );
}

function connectivityOf(details: DeviceDetails, regionName: RegionName): object {
  const net: HostFacts = details.netInfo ?? {};
  return {
    endpoints: details.endpoints,
    derp: details.homeDerp === 0 ? '' : regionName(details.homeDerp),
    mappingVariesByDestIP: booleanOf(net, 'MappingVariesByDestIP') ?? false,
    latency: latencyOf(net, details.homeDerp, regionName),
    clientSupports: {
      hairPinning: null,
      ipv6: booleanOf(net, 'WorkingIPv6') ?? false,
      pcp: booleanOf(net, 'PCP') ?? false,
      pmp: booleanOf(net, 'PMP') ?? false,
      udp: booleanOf(net, 'WorkingUDP') ?? false,
      upnp: booleanOf(net, 'UPnP') ?? false,
    },
  };
}

function distroOf(facts: HostFacts): { distro?: object } {
  const name = textOf(facts, 'Distro');
  if (name === '') return {};
  return {
    distro: { name, version: textOf(facts, 'DistroVersion'), codeName: textOf(facts, 'DistroCodeName') },
  };
}

/** `managedRoutes` is a member of our own, on devices that serve networks. */
export const routesWire = ({ advertised, enabled, managed }: DeviceRoutes) => ({
  enabledRoutes: enabled,
  advertisedRoutes: advertised,
  ...(managed === undefined ? {} : { managedRoutes: managed }),
});

/** The further members of the object, with a leading comma. */
export function detailsJson(
  details: DeviceDetails,
  authorized: boolean,
  { regionName, postureIdentity }: { readonly regionName: RegionName; readonly postureIdentity: boolean },
): string {
  const { served } = details;
  const routes = routesOf(details.routes, served && { routes: served, inForce: authorized });
  const keys = details.hostinfo.sshHostKeys;
  // A device whose user lets it tell nothing is one without serial numbers.
  const tellsIdentity = postureIdentity && details.serials.length > 0;
  const members = {
    ...routesWire(routes),
    sshEnabled: Array.isArray(keys) && keys.length > 0,
    clientConnectivity: connectivityOf(details, regionName),
    postureIdentity: tellsIdentity ? { serialNumbers: details.serials } : { disabled: true },
    ...distroOf(details.hostinfo),
  };
  return `,${JSON.stringify(members).slice(1, -1)}`;
}
