/** What a change would open and close, with names, over the devices that there are: another policy file, or any write. */
import type { Change } from '../domain/ports/store.ts';
import {
  contextOf,
  type FlowText,
  type Impact,
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
  /** Prefixes and ranges behind the destinations; empty when their own addresses are meant. */
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

const namedFlow = ({ protocol, first, last, behind }: FlowText): NamedFlow => ({
  protocol,
  first,
  last,
  behind,
});

type NameOf = (device: number) => string;

const namedImpact = (impact: Impact, name: NameOf): NamedImpact => ({
  pairs: impact.pairs,
  traffic: impact.flows.map(({ sources, targets, gained, lost }) => ({
    sources: sources.map(name),
    targets: targets.map(name),
    opens: gained.map(namedFlow),
    closes: lost.map(namedFlow),
  })),
  routes: impact.routes.map(({ viewers, carrier, gained, lost }) => ({
    viewers: viewers.map(name),
    carrier: name(carrier),
    opens: gained,
    closes: lost,
  })),
  ssh: impact.ssh.map(({ target, gained, lost }) => ({
    target: name(target),
    opens: gained,
    closes: lost,
  })),
});

/** Throws `PolicyError` for a file that cannot be read, or names what there is not. Nothing is saved. */
export function policyImpact({ snapshot, policy }: OrganizationPolicy, text: string): NamedImpact {
  const proposed = parsePolicy(text);
  validatePolicy(proposed, contextOf(policy.engine.core));
  const impact = impactOf(policy.engine, [{ kind: 'policy', policy: proposed }]);
  return namedImpact(impact, (id) => deviceName(snapshot, id));
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
  const ids = [...snapshot.devices.keys(), ...snapshot.external.keys()];
  const named = new Map(ids.map((id) => [id, deviceName(snapshot, id)]));
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
  return namedImpact(impactBetween(before, policy.engine), (id) => named.get(id) ?? deviceName(snapshot, id));
}
