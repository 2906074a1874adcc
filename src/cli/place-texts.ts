/** Places behind devices, in words for a person. */
import type { NamedPlace } from '../effective-policy/named-places.ts';

/** A place in words; of one that is meant in parts, each of these. `told`: a device that needs no telling. */
export function placeTexts(named: NamedPlace, told?: string): string[] {
  const place = named.carrier === told ? { ...named, carrier: null } : named;
  const { addresses, part, except } = place;
  if (place.kind === 'address') return [...addresses];
  if (!part) return [wholeText(place)];
  if (except.length > 0) return [`${aroundText(place)} but ${except.join(', ')}`];
  const at = place.kind === 'internet' ? 'on' : place.kind === 'route' ? 'behind' : 'in';
  return addresses.map((text) => `${text} ${at} ${aroundText(place)}`);
}

function wholeText(place: NamedPlace): string {
  const { kind, name, addresses } = place;
  const all = addresses.join(', ');
  switch (kind) {
    case 'resource':
      return resourceText(place, addresses);
    case 'service':
      return `${name} (${all})`;
    case 'host':
      return `host ${name} (${all}${behindText(place)})`;
    case 'client':
      return `plain client ${name} (${all})`;
    case 'clients':
      return `the plain clients of ${name} (${all})`;
    case 'route':
      return `the route ${all}${byCarrier(place)}`;
    case 'internet':
      return internetText(addresses);
    case 'address':
      return all;
  }
}

/** What a part lies in. */
function aroundText(place: NamedPlace): string {
  const { kind, name, addresses, route, except } = place;
  switch (kind) {
    case 'resource':
      return resourceText(place, []);
    case 'host':
      return `host ${name}${route === null ? ' on the internet' : byCarrier(place)}`;
    case 'clients':
      return `the plain clients of ${name}`;
    case 'route':
      return `the route ${route}${byCarrier(place)}`;
    case 'internet':
      return except.length > 0 ? internetText(addresses) : 'the internet';
    default:
      return wholeText(place);
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
  if (route === null) return ' on the internet';
  return addresses.includes(route) ? byCarrier(place) : `, behind ${route}${byCarrier(place)}`;
}

/** In a network any gateway does; elsewhere a route has one router at a time. */
const byCarrier = ({ carrier, network }: NamedPlace): string =>
  carrier === null || network !== null ? '' : ` carried by ${carrier}`;

function internetText(addresses: readonly string[]): string {
  const families = new Set(addresses.map((text) => (text.includes(':') ? 'IPv6' : 'IPv4')));
  return families.size > 1 ? 'the internet' : `the internet over ${[...families].join()}`;
}
