/** Places behind devices, in words for a person. */
import type { NamedPlace } from '../effective-policy/named-places.ts';

/** A place in words; of one that is meant in parts, each of these. `told`: a device that needs no telling. */
export function placeTexts(named: NamedPlace, told?: string): string[] {
  const place = named.carrier === told ? { ...named, carrier: null } : named;
  const { kind, name, addresses, part, except, route } = place;
  const all = addresses.join(', ');
  switch (kind) {
    case 'resource':
      return part
        ? addresses.map((text) => `${text} in ${resourceText(place, [])}`)
        : [resourceText(place, addresses)];
    case 'service':
      return [`${name} (${all})`];
    case 'host':
      return part
        ? addresses.map((text) => `${text} in host ${name}${internetNote(place)}${byCarrier(place)}`)
        : [`host ${name} (${all}${behindText(place)})`];
    case 'client':
      return [`plain client ${name} (${all})`];
    case 'clients':
      return part
        ? addresses.map((text) => `${text} among the plain clients of ${name}`)
        : [`the plain clients of ${name} (${all})`];
    case 'route':
      return part
        ? addresses.map((text) => `${text} behind the route ${route}${byCarrier(place)}`)
        : [`the route ${all}${byCarrier(place)}`];
    case 'internet':
      return part && except.length === 0
        ? addresses.map((text) => `${text} on the internet${offer(place)}`)
        : [`${internetText(addresses)}${but(except)}${offer(place)}`];
    case 'address':
      return [...addresses];
  }
}

function resourceText({ name, resourceAddress, network }: NamedPlace, addresses: readonly string[]): string {
  const own = (text: string | null): boolean => addresses.some((one) => one === text || `${one}/32` === text);
  const told = [...(resourceAddress === null || own(resourceAddress) ? [] : [resourceAddress]), ...addresses];
  return `resource ${name}${network === null ? '' : ` of ${network}`} (${told.join(', ')})`;
}

/** How one gets to a host of the policy file, where that is no route of just this prefix. */
function behindText(place: NamedPlace): string {
  const { addresses, route } = place;
  if (route === null) return ` on the internet${offer(place)}`;
  return addresses.includes(route) ? byCarrier(place) : `, behind ${route}${byCarrier(place)}`;
}

const internetNote = (place: NamedPlace): string =>
  place.route === null ? ` on the internet${offer(place)}` : '';

/** Packets to an address that is allowed, and nobody's way leads to. */
const offer = ({ offered }: NamedPlace): string =>
  offered === false ? ', as soon as a rule gives them the exit node' : '';

/** In a network any gateway does; elsewhere a route has one router at a time. */
const byCarrier = ({ carrier, network }: NamedPlace): string =>
  carrier === null || network !== null ? '' : ` carried by ${carrier}`;

const but = (except: readonly string[]): string => (except.length === 0 ? '' : ` but ${except.join(', ')}`);

function internetText(addresses: readonly string[]): string {
  const families = new Set(addresses.map((text) => (text.includes(':') ? 'IPv6' : 'IPv4')));
  return families.size > 1 ? 'the internet' : `the internet over ${[...families].join()}`;
}
