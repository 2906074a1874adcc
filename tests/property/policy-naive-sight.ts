/** Who sees whom, and who gets which route from whom, by their definition: every rule and every pair looked at. */
import {
  EMPTY_SET,
  type IpSet,
  isDefaultRoute,
  type Prefix,
  parseAddr,
  prefixContains,
  setContains,
  setOfPrefix,
  setsOverlap,
} from '../../src/kernel/netip/index.ts';
import type { Rule, Selector } from '../../src/policy/ast.ts';
import type { DeviceInput } from '../../src/policy/world.ts';
import {
  attributesHold,
  inForce,
  isPublic,
  manualRoutes,
  type NaiveWorld,
  namesDevice,
  personOf,
  rulesOf,
} from './policy-naive.ts';

/** What of a rule matters to sight: its two sides, and what binds each. */
interface Link {
  readonly sources: readonly Selector[];
  readonly targets: readonly Selector[];
  readonly via: readonly string[];
  /** The conditions of the rule, where they bind this side. */
  readonly sourceBound: Pick<Rule, 'srcPosture'> | undefined;
  readonly targetBound: Pick<Rule, 'srcPosture'> | undefined;
}

const isAutogroup = (selector: Selector, name: string): boolean =>
  selector.kind === 'autogroup' && selector.name === `autogroup:${name}`;
const isSelf = (selector: Selector): boolean => isAutogroup(selector, 'self');

/** Capabilities for shared folders and relays also tell the other side whom it serves. */
const ANSWERED = ['tailscale.com/cap/drive', 'tailscale.com/cap/relay'];

function linksOf(world: NaiveWorld): Link[] {
  return rulesOf(world.policy).flatMap((rule) => {
    const targets = rule.targets.flatMap(({ dst }) => dst);
    const link = { sources: rule.src, targets, via: rule.via, sourceBound: rule, targetBound: undefined };
    const answered = rule.via.length === 0 && ANSWERED.some((name) => rule.app?.has(name));
    if (!answered || targets.every(isSelf)) return [link];
    return [
      link,
      { sources: targets, targets: rule.src, via: [], sourceBound: undefined, targetBound: rule },
    ];
  });
}

const exitOf = (device: DeviceInput): boolean => manualRoutes(device).some(isDefaultRoute);
const subnetsOf = (device: DeviceInput): Prefix[] =>
  manualRoutes(device).filter((route) => !isDefaultRoute(route));

function setOf({ policy }: NaiveWorld, selector: Selector): IpSet | undefined {
  if (selector.kind === 'prefix') return setOfPrefix(selector.prefix);
  if (selector.kind === 'ipset') return policy.ipsetAddresses.get(selector.name) ?? EMPTY_SET;
  const host = selector.kind === 'host' ? policy.hosts.get(selector.name) : undefined;
  return host && setOfPrefix(host.prefix);
}

const holds = (set: IpSet, { addresses }: DeviceInput): boolean =>
  addresses.some((text) => setContains(set, parseAddr(text)!));
const overlaps = (set: IpSet | undefined, route: Prefix): boolean =>
  set !== undefined && setsOverlap(set, setOfPrefix(route));

const bound = (world: NaiveWorld, by: Link['sourceBound'], { attributes }: DeviceInput): boolean =>
  by === undefined || attributesHold(world, by, attributes);

/** Every set of the random policies is public as a whole, or not at all. */
const isPublicSet = ({ policy }: NaiveWorld, selector: Selector): boolean => {
  const prefix = selector.kind === 'host' ? policy.hosts.get(selector.name)?.prefix : undefined;
  return prefix !== undefined && isPublic(prefix.addr) && prefix.bits > 3;
};

function isSource(world: NaiveWorld, link: Link, device: DeviceInput): boolean {
  if (!inForce(world, device) || !bound(world, link.sourceBound, device)) return false;
  return link.sources.some((selector) => {
    if (selector.kind === 'any') return device.class === 'normal';
    if (isAutogroup(selector, 'danger-all')) return true;
    const set = setOf(world, selector);
    if (set === undefined) return namesDevice(world, selector, device);
    return holds(set, device) || subnetsOf(device).some((route) => overlaps(set, route));
  });
}

function isTarget(world: NaiveWorld, link: Link, device: DeviceInput): boolean {
  if (!inForce(world, device) || !bound(world, link.targetBound, device)) return false;
  if (link.via.length > 0 && !link.via.some((tag) => device.tags.includes(tag))) return false;
  return link.targets.some((selector) => {
    const set = setOf(world, selector);
    const routed = subnetsOf(device).some((route) => overlaps(set, route));
    if (link.via.length > 0) return isAutogroup(selector, 'internet') ? exitOf(device) : routed;
    if (selector.kind === 'any' || isAutogroup(selector, 'danger-all')) return device.class === 'normal';
    if (isAutogroup(selector, 'internet')) return exitOf(device) && device.class === 'normal';
    if (isSelf(selector)) return false;
    if (set === undefined) return namesDevice(world, selector, device);
    return holds(set, device) || routed || (exitOf(device) && isPublicSet(world, selector));
  });
}

export interface Sight {
  sees(viewer: DeviceInput, peer: DeviceInput): boolean;
  /** The prefixes that the viewer gets from a peer that it sees. */
  routes(viewer: DeviceInput, peer: DeviceInput): Prefix[];
}

/** `primary`: who carries a prefix. */
export function sightOf(world: NaiveWorld, primary: (prefix: Prefix) => number | undefined): Sight {
  const links = linksOf(world);
  const equal = (a: Prefix, b: Prefix): boolean =>
    a.bits === b.bits && a.addr.family === b.addr.family && prefixContains(a, b.addr);

  const reaches = (from: DeviceInput, to: DeviceInput): boolean =>
    links.some((link) => isSource(world, link, from) && isTarget(world, link, to));

  function ownRule(a: DeviceInput, b: DeviceInput): boolean {
    const [one, other] = [personOf(world, a), personOf(world, b)];
    if (one === undefined || one.id !== other?.id || !inForce(world, a) || !inForce(world, b)) return false;
    const self = links.filter(({ targets }) => targets.some(isSelf));
    return self.some((link) => isSource(world, link, a) || isSource(world, link, b));
  }

  /** Whether a link leads from the viewer to what is behind a peer. */
  function leads(link: Link, viewer: DeviceInput, peer: DeviceInput, route: Prefix): boolean {
    if (!isSource(world, link, viewer)) return false;
    const exit = isDefaultRoute(route);
    if (link.via.length > 0) {
      const tagged = link.via.some((tag) => peer.tags.includes(tag));
      const named = (one: Selector): boolean =>
        exit ? isAutogroup(one, 'internet') : overlaps(setOf(world, one), route);
      return tagged && link.targets.some(named);
    }
    const normal = peer.class === 'normal';
    return link.targets.some((one) => {
      if (one.kind === 'any' || isAutogroup(one, 'danger-all')) return normal;
      return exit ? isAutogroup(one, 'internet') && normal : overlaps(setOf(world, one), route);
    });
  }

  /** Whether what is behind a peer may reach the viewer. */
  function answers(link: Link, viewer: DeviceInput, peer: DeviceInput, route: Prefix): boolean {
    if (isDefaultRoute(route) || !isTarget(world, link, viewer)) return false;
    return link.sources.some((one) => {
      if (one.kind === 'any') return peer.class === 'normal';
      return isAutogroup(one, 'danger-all') || overlaps(setOf(world, one), route);
    });
  }

  const carries = (device: DeviceInput, route: Prefix): boolean =>
    inForce(world, device) && manualRoutes(device).some((one) => equal(one, route));

  /** Of those with one of the tags the primary goes first, then the oldest. */
  function isFirst(peer: DeviceInput, route: Prefix, tags: readonly string[]): boolean {
    const among = world.devices
      .filter((one) => carries(one, route) && tags.some((tag) => one.tags.includes(tag)))
      .map(({ id }) => id);
    const elected = primary(route);
    return peer.id === (elected !== undefined && among.includes(elected) ? elected : Math.min(...among));
  }

  function gets(viewer: DeviceInput, peer: DeviceInput, route: Prefix): boolean {
    const plain = links.some(
      (link) =>
        (link.via.length === 0 && leads(link, viewer, peer, route)) || answers(link, viewer, peer, route),
    );
    const by = links.filter((link) => link.via.length > 0 && leads(link, viewer, peer, route));
    if (isDefaultRoute(route)) return plain || by.length > 0;
    if (primary(route) === peer.id) return plain || by.length > 0 || carries(viewer, route);
    return !plain && by.some(({ via }) => isFirst(peer, route, via));
  }

  return {
    sees: (viewer, peer) =>
      viewer.id !== peer.id && (reaches(viewer, peer) || reaches(peer, viewer) || ownRule(viewer, peer)),
    routes: (viewer, peer) => manualRoutes(peer).filter((route) => gets(viewer, peer, route)),
  };
}
