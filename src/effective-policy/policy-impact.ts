/** What saving another policy file would open and close, with names, over the devices that there are. */
import { type FlowText, impactOf, parsePolicy } from '../policy/index.ts';
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

/** Throws `PolicyError` when the file cannot be read. Nothing is saved. */
export function policyImpact({ snapshot, policy }: OrganizationPolicy, text: string): NamedImpact {
  const impact = impactOf(policy.engine, [{ kind: 'policy', policy: parsePolicy(text) }]);
  const name = (id: number): string => deviceName(snapshot, id);
  return {
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
  };
}
