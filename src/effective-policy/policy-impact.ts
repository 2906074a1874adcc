/** What a change would open and close, with names, over the devices that there are: another policy file, or any write. */
import type { Change } from '../domain/ports/store.ts';
import {
  contextOf,
  createThings,
  type FlowText,
  INTERNET_RANGES,
  impactBetween,
  type PolicyEngine,
  parsePolicy,
  type Things,
  validatePolicy,
} from '../policy/index.ts';
import {
  type NamedAttributes,
  type NamedCapability,
  namedAttributes,
  namedCapabilities,
} from './granted-impact.ts';
import { type Names, nameOf, namesNow, namesOfEither } from './impact-names.ts';
import { internetPlace, type NamedPlace, namedPlace, withoutNetwork } from './named-places.ts';
import type { OrganizationPolicy } from './organization-policy.ts';
import { type WaitingImpact, waitingImpact } from './waiting-impact.ts';

export interface NamedFlow {
  /** IP protocol number. */
  readonly protocol: number;
  readonly first: number;
  readonly last: number;
  /** Whether the destinations' own addresses are meant. */
  readonly own: boolean;
  /** The family of those that are meant, where they have another that is not: a rule may name one address. */
  readonly ownFamily: 4 | 6 | null;
  /** Prefixes and ranges behind the destinations; `autogroup:internet` for all of that. */
  readonly behind: readonly string[];
  /** What that is: resources, services, hosts, routes, the internet. Together these have all addresses of `behind`. */
  readonly places: readonly NamedPlace[];
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
    /** What lies behind these routes. */
    readonly opensPlaces: readonly NamedPlace[];
    readonly closesPlaces: readonly NamedPlace[];
  }[];
  /** Accesses to resources without a gateway, and to names of which no gateway knows an address yet: nothing passes. */
  readonly waiting: readonly WaitingImpact[];
  /** What applications are told of who calls them. */
  readonly capabilities: readonly NamedCapability[];
  /** What clients are told of themselves, by `nodeAttrs` of the policy file. */
  readonly attributes: readonly NamedAttributes[];
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

/** One side of a change: what is behind devices there, and what all is called. */
interface Side {
  readonly engine: PolicyEngine;
  readonly things: Things;
  readonly names: Names;
}

const side = (engine: PolicyEngine, names: Names): Side => ({
  ...{ engine, names },
  things: createThings(engine.core),
});

/** What lies behind routes: that of an exit node is the internet as a whole. */
function placesOfRoutes(at: Side, carrier: number, routes: readonly string[]): NamedPlace[] {
  const [ways, others] = [routes.filter(isWayOut), routes.filter((route) => !isWayOut(route))];
  return [...placesAt(at, [carrier], others), ...(ways.length === 0 ? [] : [internetPlace(ways)])];
}
const isWayOut = (route: string): boolean => route.endsWith('/0');

const placesAt = (at: Side, targets: readonly number[], texts: readonly string[]): NamedPlace[] =>
  at.things.among(targets, texts).map((thing) => namedPlace(at.names, thing));

const namedFlow = (
  at: Side,
  targets: readonly number[],
  { protocol, first, last, own, ownInPart, behind }: FlowText,
): NamedFlow => ({
  ...{ protocol, first, last },
  own: own.length > 0,
  ownFamily: ownInPart ? (own[0] ?? null) : null,
  behind: withInternet(behind),
  places: placesAt(at, targets, behind),
});

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

/** What goes is called as it was, and what comes as it will be. */
function namedImpact(before: Side, after: Side): NamedImpact {
  const impact = impactBetween(before.engine, after.engine);
  const names = namesOfEither(before.names, after.names);
  const called = (device: number): string => nameOf(names, device);
  return {
    pairs: impact.pairs,
    traffic: impact.flows.map(({ sources, targets, gained, lost }) => ({
      sources: sources.map(called),
      targets: targets.map(called),
      opens: gained.map((flow) => namedFlow(after, targets, flow)),
      closes: lost.map((flow) => namedFlow(before, targets, flow)),
    })),
    routes: impact.routes.map(({ viewers, carrier, gained, lost }) => ({
      viewers: viewers.map(called),
      carrier: called(carrier),
      opens: gained,
      closes: lost,
      opensPlaces: placesOfRoutes(after, carrier, gained),
      closesPlaces: placesOfRoutes(before, carrier, lost),
    })),
    waiting: waitingImpact(before.engine, after.engine, names),
    capabilities: namedCapabilities(before.engine, after.engine, names),
    attributes: namedAttributes(before.engine, after.engine, names),
    ssh: impact.ssh.flatMap(({ target, gained, lost }) => {
      const name = called(target);
      const [opens, closes] = [gained, lost].map((logins) => namedLogins(logins, name, names));
      return opens && closes && opens.length + closes.length > 0 ? [{ target: name, opens, closes }] : [];
    }),
  };
}

/** For whoever may not read networks: as packets see it. */
export function withoutNetworks(impact: NamedImpact): NamedImpact {
  const flow = (one: NamedFlow): NamedFlow => ({ ...one, places: one.places.map(withoutNetwork) });
  return {
    ...impact,
    traffic: impact.traffic.map((group) => ({
      ...group,
      opens: group.opens.map(flow),
      closes: group.closes.map(flow),
    })),
    routes: impact.routes.map((one) => ({
      ...one,
      opensPlaces: one.opensPlaces.map(withoutNetwork),
      closesPlaces: one.closesPlaces.map(withoutNetwork),
    })),
    waiting: [],
  };
}

/** Throws `PolicyError` for a file that cannot be read, or names what there is not. Nothing is saved. */
export function policyImpact({ snapshot, policy }: OrganizationPolicy, text: string): NamedImpact {
  const proposed = parsePolicy(text);
  validatePolicy(proposed, contextOf(policy.engine.core));
  const names = namesNow(snapshot);
  const after = policy.engine.fork([{ kind: 'policy', policy: proposed }]);
  return namedImpact(side(policy.engine, names), side(after, names));
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
  return namedImpact(side(before, was), side(policy.engine, namesNow(snapshot)));
}
