/**
 * `?<property>=<value>` on the device list: exact, several combine with AND, and a list must hold every value. A filter that
 * were ignored would answer with other devices than those asked for, so an unknown property is an error.
 */
import { decodeDecimalId, decodeExternalId } from '../../domain/ids/external-id.ts';
import type { DeviceFilter } from '../../domain/ports/queries.ts';
import { SECOND } from '../../kernel/clock.ts';
import { invalid } from '../../kernel/errors.ts';
import { formatAddr, formatPrefix, parseAddr, parsePrefix } from '../../kernel/netip/index.ts';
import { TAGGED_DEVICES } from './device-wire.ts';
import { parseWireTime, ZERO_TIME } from './times.ts';

/** What a value means: a condition, or that every device or none has it. */
type Meaning = DeviceFilter | 'every' | 'none';

const truth = (value: string): boolean | undefined =>
  value === 'true' ? true : value === 'false' ? false : undefined;

const switchOn =
  (on: Extract<DeviceFilter, { value: boolean }>['on']) =>
  (value: string): Meaning => {
    const wanted = truth(value);
    return wanted === undefined ? 'none' : { on, value: wanted };
  };
const textOn =
  (on: Extract<DeviceFilter, { value: string }>['on']) =>
  (value: string): Meaning => ({ on, value });
const always =
  (wanted: string) =>
  (value: string): Meaning =>
    value === wanted ? 'every' : 'none';
const idOn =
  (decode: (text: string) => number | undefined) =>
  (value: string): Meaning => {
    const id = decode(value);
    return id === undefined ? 'none' : { on: 'id', value: id };
  };
const secondOn =
  (on: 'createdSecond' | 'lastSeenSecond' | 'expiresSecond') =>
  (value: string): Meaning => {
    if (on === 'expiresSecond' && value === ZERO_TIME) return { on, value: null };
    const ms = parseWireTime(value);
    return ms === undefined ? 'none' : { on, value: Math.floor(ms / SECOND) };
  };
const prefixOn =
  (on: 'enabledRoute' | 'advertisedRoute') =>
  (value: string): Meaning => {
    const prefix = parsePrefix(value);
    return prefix === undefined ? 'none' : { on, value: formatPrefix(prefix) };
  };

const PROPERTIES: Readonly<Record<string, (value: string, suffix: string) => Meaning>> = {
  id: idOn(decodeDecimalId),
  nodeId: idOn((text) => decodeExternalId('device', text)),
  name: (value, suffix) =>
    value.endsWith(`.${suffix}`) ? { on: 'label', value: value.slice(0, -suffix.length - 1) } : 'none',
  hostname: textOn('hostname'),
  user: (value) => (value === '' ? 'none' : { on: 'login', value: value === TAGGED_DEVICES ? '' : value }),
  os: textOn('os'),
  clientVersion: textOn('clientVersion'),
  machineKey: textOn('machineKey'),
  nodeKey: textOn('nodeKey'),
  tags: textOn('tag'),
  addresses: (value) => {
    const address = parseAddr(value);
    return address === undefined ? 'none' : { on: 'address', value: formatAddr(address) };
  },
  enabledRoutes: prefixOn('enabledRoute'),
  advertisedRoutes: prefixOn('advertisedRoute'),
  created: secondOn('createdSecond'),
  lastSeen: secondOn('lastSeenSecond'),
  expires: secondOn('expiresSecond'),
  authorized: switchOn('authorized'),
  keyExpiryDisabled: switchOn('expiryDisabled'),
  isEphemeral: switchOn('ephemeral'),
  connectedToControl: switchOn('online'),
  blocksIncomingConnections: switchOn('blocksIncoming'),
  sshEnabled: switchOn('ssh'),
  isExternal: always('false'),
  updateAvailable: always('false'),
  tailnetLockKey: always(''),
  tailnetLockError: always(''),
  multipleConnections: always(''),
};

const MAX_FILTERS = 50;

/** The conditions, or undefined when no device can fit them. Errors: `invalid`. */
export function deviceFilters(
  query: readonly (readonly [string, string])[],
  suffix: string,
): DeviceFilter[] | undefined {
  const asked = query.filter(([name]) => name !== 'fields');
  if (asked.length > MAX_FILTERS) throw invalid(`at most ${MAX_FILTERS} filters are allowed`);
  const filters: DeviceFilter[] = [];
  let possible = true;
  for (const [name, value] of asked) {
    const meaning = Object.hasOwn(PROPERTIES, name) ? PROPERTIES[name]?.(value, suffix) : undefined;
    if (meaning === undefined) throw invalid(`devices cannot be filtered by "${name}"`, name);
    if (meaning === 'none') possible = false;
    else if (meaning !== 'every') filters.push(meaning);
  }
  return possible ? filters : undefined;
}

/** Whether a device that is JSON already, of which there are few, has every value of the query. */
export function fitsQuery(json: string, query: readonly (readonly [string, string])[]): boolean {
  const device: Readonly<Record<string, unknown>> = JSON.parse(json);
  return query.every(([name, value]) => {
    const held = device[name];
    if (name === 'fields') return true;
    return Array.isArray(held) ? held.includes(value) : held !== undefined && String(held) === value;
  });
}
