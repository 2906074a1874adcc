/** Places behind devices with the names that people know them by. */
import type { Thing, ThingBehind } from '../policy/index.ts';
import { type Names, nameOf } from './impact-names.ts';

export interface NamedPlace {
  /** `host`: of the policy file; `clients`: all plain clients of a gateway; `route`, `address`: nothing has a name for it. */
  readonly kind: Thing['kind'];
  /** Of a resource, a service, a host, a client; of a gateway, whose clients these are. */
  readonly name: string | null;
  /** The address or name in DNS that a resource was given. */
  readonly resourceAddress: string | null;
  /** What of its addresses is meant, as prefixes and ranges. */
  readonly addresses: readonly string[];
  /** Whether it has others, that are not meant. */
  readonly part: boolean;
  /** Of a part: what is not meant of the prefixes that it lies in, where that takes fewer words; else empty. */
  readonly except: readonly string[];
  /** The network whose gateways lead there. */
  readonly network: string | null;
  /** The prefix by which devices get there, and the device that carries it. */
  readonly route: string | null;
  readonly carrier: string | null;
}

export function namedPlace(names: Names, { thing, addresses, part, except, route }: ThingBehind): NamedPlace {
  const resource = thing.kind === 'resource' ? names.thing(thing.id) : undefined;
  return {
    kind: thing.kind,
    name: thingName(names, thing),
    resourceAddress: resource?.address ?? null,
    ...{ addresses, part, except },
    network: (route && names.thing(route.network)?.name) ?? null,
    route: route?.prefix ?? null,
    carrier: route?.carrier === undefined ? null : nameOf(names, route.carrier),
  };
}

export const internetPlace = (addresses: readonly string[]): NamedPlace => ({
  ...{ kind: 'internet', name: null, resourceAddress: null, addresses, part: false, except: [] },
  ...{ network: null, route: null, carrier: null },
});

/** What only networks have, also where a router outside of them leads to the same address. */
const OF_NETWORKS: ReadonlySet<Thing['kind']> = new Set(['resource', 'clients']);

/** For whoever may not read networks: which addresses, and not what stands there. */
export const withoutNetwork = (place: NamedPlace): NamedPlace =>
  place.network === null && !OF_NETWORKS.has(place.kind)
    ? place
    : {
        ...{ kind: 'address', name: null, resourceAddress: null, addresses: place.addresses, part: false },
        ...{ except: [], network: null, route: place.route, carrier: place.carrier },
      };

function thingName(names: Names, thing: Thing): string | null {
  switch (thing.kind) {
    case 'resource':
      return names.thing(thing.id)?.name ?? null;
    case 'service':
    case 'host':
      return thing.name;
    case 'client':
      return nameOf(names, thing.device);
    case 'clients':
      return names.thing(thing.gateway)?.name ?? null;
    case 'internet':
    case 'route':
    case 'address':
      return null;
  }
}
