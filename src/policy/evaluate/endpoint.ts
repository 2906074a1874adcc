import {
  type Addr,
  EMPTY_SET,
  type IpSet,
  isSingleAddr,
  setContains,
  setOfAddrs,
} from '../../kernel/netip/index.ts';
import type { Selector } from '../ast.ts';
import { atomOf } from '../compile/selectors.ts';
import type { Core } from '../engine/core.ts';
import type { DeviceState } from '../engine/device-state.ts';
import { basicsOf } from '../engine/world-state.ts';
import type { Attributes } from '../posture.ts';
import { selectorText } from '../validate/index.ts';
import type { UserInput } from '../world.ts';
import type { Lookup } from './lookup.ts';

/**
 * One side of a question about the rules: a device of the organization, an address, or the idea of one ("some device of
 * this user"), which is all that a policy's own tests know.
 */
export interface Endpoint {
  readonly label: string;
  /** Atoms that it matches. */
  readonly principals: ReadonlySet<string>;
  /** Addresses that are it; none for an idea. */
  readonly addresses: IpSet;
  /** Covered by `*`. */
  readonly wild: boolean;
  /** Behind a subnet router, where conditions on devices do not apply. */
  readonly routed: boolean;
  readonly user: UserInput | undefined;
  readonly attributes: Attributes;
  readonly device: DeviceState | undefined;
}

export function endpointOfDevice(core: Core, device: DeviceState): Endpoint {
  const { principals } = basicsOf(core.world, core.index(), device.input);
  return {
    label: `device ${device.id}`,
    principals: new Set(principals),
    addresses: setOfAddrs(device.addresses.map(({ addr }) => addr)),
    wild: device.wild,
    routed: false,
    user: device.user,
    attributes: device.input.attributes,
    device,
  };
}

/** Some device with these atoms. */
export const ideaOf = (principals: readonly string[], user?: UserInput): Endpoint => ({
  label: principals[0] ?? '*',
  principals: new Set(principals),
  addresses: EMPTY_SET,
  wild: true,
  routed: false,
  user,
  attributes: {},
  device: undefined,
});

/** Some device of a person, untagged. */
export const endpointOfUser = (core: Core, user: UserInput): Endpoint =>
  ideaOf(principalsOfUser(core, user), user);

export function endpointOfAddr(lookup: Lookup, addr: Addr, label: string): Endpoint {
  const { core } = lookup;
  const device = lookup.deviceAt(addr);
  const addresses = setOfAddrs([addr]);
  if (device !== undefined) return { ...endpointOfDevice(core, device), label, addresses };
  const routed = lookup.isRouted(addr);
  return {
    label,
    principals: new Set(),
    addresses,
    wild: routed || setContains(core.wild.current().blocks, addr),
    routed,
    user: undefined,
    attributes: {},
    device: undefined,
  };
}

/**
 * What a selector stands for in a test: an idea of one of its devices. A text instead says why it stands for nothing in
 * particular: tests need something that exists and is one thing.
 */
export function endpointOfSelector(lookup: Lookup, selector: Selector): Endpoint | string {
  const { core } = lookup;
  const { policy } = core.world;
  const idea = (principals: readonly string[], user?: UserInput): Endpoint => ({
    ...ideaOf(principals, user),
    label: atomOf(selector) ?? '*',
  });
  switch (selector.kind) {
    case 'any':
      return idea([]);
    case 'user': {
      const user = lookup.user(selector.login);
      if (user === undefined) return `user not found: ${JSON.stringify(selector.login)}`;
      return idea(principalsOfUser(core, user), user);
    }
    case 'group':
      if (!policy.groups.has(selector.name) && !selector.name.includes('@')) {
        return `group not found: ${JSON.stringify(selector.name)}`;
      }
      return idea([selector.name, 'autogroup:member']);
    case 'tag':
      if (!policy.tagOwners.has(selector.name)) return `tag not found: ${JSON.stringify(selector.name)}`;
      return idea([selector.name, 'autogroup:tagged']);
    case 'autogroup':
      return ideaOfAutogroup(selector.name, idea);
    case 'users-of-domain':
      return idea([`domain:${selector.domain.toLowerCase()}`, 'autogroup:member']);
    default:
      return endpointOfLiteral(lookup, selector);
  }
}

function ideaOfAutogroup(name: string, idea: (principals: string[]) => Endpoint): Endpoint | string {
  if (name === 'autogroup:tagged' || name === 'autogroup:member' || name === 'autogroup:shared')
    return idea([name]);
  if (/^autogroup:(?:owner|admin|it-admin|network-admin|billing-admin|auditor)$/.test(name)) {
    return idea([name, 'autogroup:member']);
  }
  return `${JSON.stringify(name)} cannot be tested`;
}

function endpointOfLiteral(lookup: Lookup, selector: Selector): Endpoint | string {
  const prefix =
    selector.kind === 'prefix'
      ? selector.prefix
      : selector.kind === 'host'
        ? lookup.core.world.policy.hosts.get(selector.name)?.prefix
        : undefined;
  if (prefix === undefined) return `${JSON.stringify(selectorText(selector))}: invalid address`;
  if (!isSingleAddr(prefix))
    return `${JSON.stringify(selectorText(selector))} is a network; a test needs one address`;
  return endpointOfAddr(lookup, prefix.addr, selectorText(selector));
}

/** The atoms of a user's own, untagged devices. */
function principalsOfUser(core: Core, user: UserInput): string[] {
  const { principals } = basicsOf(core.world, core.index(), {
    id: -1,
    owner: { kind: 'membership', id: user.id },
    tags: [],
    addresses: [],
    advertised: [],
    approved: [],
    attributes: {},
    class: 'normal',
    authorized: true,
  });
  return [...principals];
}
