/** What people mean by a word, among the devices, people and things of an organization. */
import { decodeDecimalId, decodeExternalId } from '../domain/ids/external-id.ts';
import { isBound } from '../domain/networks/gateway-binding.ts';
import { isNamed, isPatternName, normalName } from '../domain/networks/resource-names.ts';
import { deviceFqdn, loginName } from '../domain/organizations/names.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import { normalizeKey } from '../kernel/text.ts';
import { NOT_RESOLVED, type Place, type Problem, parseSelector } from '../policy/index.ts';
import type { OrganizationPolicy } from './organization-policy.ts';

type Loaded = Pick<OrganizationPolicy, 'snapshot' | 'policy'>;

/**
 * What a person means by a word: a device by its label, full name or id; a plain client by its name; a resource by `resource:`
 * and its name or id, or by its name in DNS; a group or service account of the organization by `group:` or `service-account:` and
 * its name; a person by user name; else a selector of the policy language (user, group of the file, tag, host, address, …). Last comes what devices
 * say of themselves, their host names: none may pass for something else by it.
 */
export function placeOf(loaded: Loaded, text: string): Place {
  const word = text.trim();
  return (
    prefixedPlace(loaded, word) ??
    devicePlace(loaded, word) ??
    resourcePlace(loaded, word) ??
    personPlace(loaded, word) ??
    hostNamePlace(loaded, word) ?? { kind: 'selector', text: word }
  );
}

/** The rest of `resource:database`; undefined for what begins otherwise. */
const behindPrefix = (word: string, prefix: string): string | undefined =>
  word.startsWith(prefix) ? word.slice(prefix.length).trim() : undefined;

interface Named {
  readonly id: number;
  readonly name: string;
}

/** By name, of which several may have the same, else by id. */
function named<T extends Named>(rows: Iterable<T>, name: string): T[] {
  const all = [...rows];
  const byName = all.filter((row) => row.name.toLowerCase() === name.toLowerCase());
  return byName.length > 0 ? byName : all.filter(({ id }) => String(id) === name);
}

const [RESOURCE, GROUP, SERVICE_ACCOUNT] = ['resource:', 'group:', 'service-account:'];

function prefixedPlace({ snapshot, policy }: Loaded, word: string): Place | undefined {
  /** The one that is called so; `atom`: none for what is no principal. */
  const theOne = (prefix: string, rows: Iterable<Named>, place: (id: number) => Place): Place | undefined => {
    const name = behindPrefix(word, prefix);
    if (name === undefined) return undefined;
    const [only, ...others] = named(rows, name);
    if (only === undefined) return nothing(word, 'unknown', `no ${WORDS[prefix]} has this name or id`);
    if (others.length === 0) return place(only.id);
    const ids = [only, ...others].map(({ id }) => `${prefix}${id}`).sort();
    return nothing(word, 'unfit', `${ids.length} have this name: ask about one by its id, ${listed(ids)}`);
  };
  const resources = snapshot.table('resource').values();
  const accounts = snapshot.table('serviceAccount').values();
  const groups = snapshot.table('group').values();
  const isOfFile = policy.engine.policy().groups.has(word) || word.includes('@');
  return (
    theOne(RESOURCE, resources, (id) => ({ kind: 'resource', id, text: word })) ??
    theOne(SERVICE_ACCOUNT, accounts, (id) => principal(word, `service-account:${id}`)) ??
    (isOfFile ? undefined : theOne(GROUP, groups, (id) => principal(word, `group-id:${id}`)))
  );
}

const WORDS: Readonly<Record<string, string>> = {
  [RESOURCE]: 'resource',
  [GROUP]: 'group of the policy file or of the organization',
  [SERVICE_ACCOUNT]: 'service account',
};
const MAX_LISTED = 5;
const listed = (texts: readonly string[]): string =>
  texts.length <= MAX_LISTED ? texts.join(' or ') : `${texts.slice(0, MAX_LISTED).join(', ')} or others`;

const principal = (text: string, atom: string): Place => ({ kind: 'principal', text, atom });
const nothing = (text: string, kind: Problem['kind'], problem: string): Place => ({
  kind: 'nothing',
  text,
  problem: { kind, text: problem },
});

function devicePlace({ snapshot }: Loaded, word: string): Place | undefined {
  const id = decodeExternalId('device', word) ?? decodeDecimalId(word);
  if (id !== undefined && (snapshot.devices.has(id) || snapshot.external.has(id))) {
    return { kind: 'device', id };
  }
  const name = normalName(word);
  for (const { device } of snapshot.devices.values()) {
    if ([device.label, deviceFqdn(snapshot.organization, device.label)].includes(name)) {
      return { kind: 'device', id: device.id };
    }
  }
  // The own go first: one of another organization may have the same label.
  for (const [external, { facts, home }] of snapshot.external) {
    if ([facts.device.label, deviceFqdn(home, facts.device.label)].includes(name)) {
      return { kind: 'device', id: external };
    }
  }
  for (const { id: client, clientId } of snapshot.table('extClient').values()) {
    if (clientId.toLowerCase() === name) return { kind: 'device', id: client };
  }
  return undefined;
}

/** A resource by its name in DNS, first of all by the very name; an alias of the file goes before. */
function resourcePlace({ snapshot, policy }: Loaded, word: string): Place | undefined {
  if (policy.engine.policy().hosts.has(word)) return undefined;
  const name = normalName(word);
  const resources = [...snapshot.table('resource').values()].filter((resource) => isNamed(resource, name));
  const [resource] = resources.sort(
    (a, b) => Number(isPatternName(a.addressText)) - Number(isPatternName(b.addressText)) || a.id - b.id,
  );
  if (resource === undefined) return undefined;
  const { id, network } = resource;
  if (!isPatternName(resource.addressText)) return { kind: 'resource', id, text: word };
  const [address] = addressesOf(snapshot, network, name);
  return address === undefined
    ? nothing(word, 'empty', NOT_RESOLVED)
    : { kind: 'resource', id, text: word, address };
}

/** What the gateways of a network found for a name. */
const addressesOf = (snapshot: Snapshot, network: number, name: string): readonly string[] =>
  [...snapshot.table('gateway').values()]
    .filter((gateway) => gateway.network === network && gateway.device !== null && isBound(gateway))
    .flatMap(({ device }) => snapshot.resolvedBy(device ?? 0))
    .filter((resolved) => normalName(resolved.name) === name)
    .flatMap(({ addresses }) => addresses);

/** A person by user name, whom the policy knows by an e-mail address or as `name@local`. */
function personPlace({ snapshot, policy }: Loaded, word: string): Place | undefined {
  if (parseSelector(word).kind !== 'host' || policy.engine.policy().hosts.has(word)) return undefined;
  const key = normalizeKey(word);
  const person = [...snapshot.memberships.values()].find(({ usernameKey }) => usernameKey === key);
  return person === undefined ? undefined : { kind: 'selector', text: loginName(person) };
}

/** Several devices may say that they are called the same. */
function hostNamePlace({ snapshot, policy }: Loaded, word: string): Place | undefined {
  // Nothing else is spelled like that.
  if (parseSelector(word).kind !== 'host' || policy.engine.policy().hosts.has(word)) return undefined;
  const name = normalName(word);
  const ids = [...snapshot.devices.values()]
    .filter(({ device }) => device.osHostname !== '' && normalName(device.osHostname) === name)
    .map(({ device }) => device.id);
  return ids.length === 0 ? undefined : { kind: 'devices', ids, text: word };
}
