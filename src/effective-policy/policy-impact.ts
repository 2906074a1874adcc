/** What a change would open and close, with names, over the devices that there are: another policy file, or any write. */
import type { Change } from '../domain/ports/store.ts';
import type { Snapshot } from '../domain/snapshot/snapshot.ts';
import {
  contextOf,
  type FlowText,
  type Impact,
  INTERNET_RANGES,
  impactBetween,
  impactOf,
  parsePolicy,
  validatePolicy,
} from '../policy/index.ts';
import { deviceName } from './names.ts';
import type { OrganizationPolicy } from './organization-policy.ts';

export interface NamedFlow {
  /** IP protocol number. */
  readonly protocol: number;
  readonly first: number;
  readonly last: number;
  /** Whether the destinations' own addresses are meant. */
  readonly own: boolean;
  /** Prefixes and ranges behind the destinations; `autogroup:internet` for all of that. */
  readonly behind: readonly string[];
}

export interface NamedImpact {
  /** Ordered pairs of devices whose traffic would be different. */
  readonly pairs: number;
  readonly traffic: readonly {
    readonly sources: readonly string[];
    readonly targets: readonly string[];
    readonly opens: readonly NamedFlow[];
    readonly closes: readonly NamedFlow[];
  }[];
  readonly routes: readonly {
    readonly viewers: readonly string[];
    readonly carrier: string;
    readonly opens: readonly string[];
    readonly closes: readonly string[];
  }[];
  readonly ssh: readonly {
    readonly target: string;
    readonly opens: readonly string[];
    readonly closes: readonly string[];
  }[];
}

const INTERNET_OF_FAMILY = Object.entries(
  Object.groupBy(INTERNET_RANGES, (text) => (text.includes(':') ? 'IPv6' : 'IPv4')),
);

/** The ranges of the internet as one word, where all of them are there. */
function withInternet(behind: readonly string[]): readonly string[] {
  const whole = INTERNET_OF_FAMILY.filter(([, ranges = []]) => ranges.every((text) => behind.includes(text)));
  const [first, ...more] = whole;
  if (first === undefined) return behind;
  const word = more.length > 0 ? '' : ` over ${first[0]}`;
  const rest = behind.filter((text) => !whole.some(([, ranges = []]) => ranges.includes(text)));
  return [`autogroup:internet${word}`, ...rest];
}

const namedFlow = ({ protocol, first, last, own, behind }: FlowText): NamedFlow => ({
  ...{ protocol, first, last },
  own: own.length > 0,
  behind: withInternet(behind),
});

/** Devices by what they are called. */
interface Names {
  has(device: number): boolean;
  of(device: number): string;
  /** The device that has an address. */
  at(address: string): string | undefined;
}

const SSH_SOURCE = /^(\S+)(?= as )/u;

/** Logins by the names of the devices that they come from; a device has two addresses, and to itself it logs in anyhow. */
function namedLogins(logins: readonly string[], target: string, names: Names): string[] {
  const named = logins.flatMap((login) => {
    const source = names.at(SSH_SOURCE.exec(login)?.[1] ?? '');
    if (source === target) return [];
    return [source === undefined ? login : login.replace(SSH_SOURCE, () => source)];
  });
  return [...new Set(named)];
}

const namedImpact = (impact: Impact, names: Names): NamedImpact => ({
  pairs: impact.pairs,
  traffic: impact.flows.map(({ sources, targets, gained, lost }) => ({
    sources: sources.map(names.of),
    targets: targets.map(names.of),
    opens: gained.map(namedFlow),
    closes: lost.map(namedFlow),
  })),
  routes: impact.routes.map(({ viewers, carrier, gained, lost }) => ({
    viewers: viewers.map(names.of),
    carrier: names.of(carrier),
    opens: gained,
    closes: lost,
  })),
  ssh: impact.ssh.flatMap(({ target, gained, lost }) => {
    const name = names.of(target);
    const [opens, closes] = [gained, lost].map((logins) => namedLogins(logins, name, names));
    return opens && closes && opens.length + closes.length > 0 ? [{ target: name, opens, closes }] : [];
  }),
});

/** What devices are called now, as seen before a change too. */
function namesNow(snapshot: Snapshot): Names {
  const clients = [...snapshot.table('extClient').values()].map(({ id }) => id);
  const ids = [...snapshot.devices.keys(), ...snapshot.external.keys(), ...clients];
  const named = new Map(ids.map((id) => [id, deviceName(snapshot, id)]));
  const holders = new Map<string, string>();
  for (const [id, name] of named) {
    const facts = snapshot.devices.get(id) ?? snapshot.external.get(id)?.facts;
    const held = facts?.addresses.map(({ ip }) => ip) ?? snapshot.clientAddresses(id);
    for (const ip of held) holders.set(ip, name);
  }
  return {
    has: (id) => named.has(id),
    of: (id) => named.get(id) ?? `device ${id}`,
    at: (address) => holders.get(address),
  };
}

/** Throws `PolicyError` for a file that cannot be read, or names what there is not. Nothing is saved. */
export function policyImpact({ snapshot, policy }: OrganizationPolicy, text: string): NamedImpact {
  const proposed = parsePolicy(text);
  validatePolicy(proposed, contextOf(policy.engine.core));
  const impact = impactOf(policy.engine, [{ kind: 'policy', policy: proposed }]);
  return namedImpact(impact, namesNow(snapshot));
}

/** What follows from changes by itself: the carriers of routes, as rows. */
export type DeriveChanges = (changes: readonly Change[], touched: ReadonlySet<number>) => readonly Change[];

/** What changes of an organization's rows would do. They are made to what was loaded, which is of no use afterwards. */
export function changesImpact(
  { snapshot, policy, external }: OrganizationPolicy,
  changes: readonly Change[],
  derive: DeriveChanges,
): NamedImpact {
  const before = policy.engine.fork([]);
  const was = namesNow(snapshot);
  const take = (some: readonly Change[]): ReadonlySet<number> => {
    const touched = new Set<number>();
    for (const change of some) {
      const id = snapshot.apply(change);
      if (id !== undefined) touched.add(id);
    }
    const shares = some.some(({ kind }) => kind === 'shareAccept' || kind === 'sharedDevice');
    if (shares) for (const id of external.install()) touched.add(id);
    policy.apply(some, touched);
    return touched;
  };
  take(derive(changes, take(changes)));
  const is = namesNow(snapshot);
  const impact = impactBetween(before, policy.engine);
  // What goes is called as it was, and what comes as it will be.
  return namedImpact(impact, {
    has: (id) => was.has(id) || is.has(id),
    of: (id) => (was.has(id) ? was : is).of(id),
    at: (address) => was.at(address) ?? is.at(address),
  });
}
