/** `tests` and `sshTests` by their definition: every rule looked at for every question. */
import { type Addr, isSingleAddr, prefixContains } from '../../src/kernel/netip/index.ts';
import type { Policy, Rule, Selector, SshRule } from '../../src/policy/ast.ts';
import type { DeviceInput, EdgeInput, UserInput } from '../../src/policy/world.ts';
import {
  allows,
  attributesHold,
  edgeGroup,
  holder,
  inForce,
  isPublic,
  literal,
  type NaiveWorld,
  namesDevice,
  namesSource,
  personOf,
  placesOf,
  resourceAllows,
  rulesOf,
} from './policy-naive.ts';

/** Who a test is about: what has an address, or some device that a selector names, with attributes that the test gives. */
export type Subject =
  | { readonly kind: 'address'; readonly addr: Addr }
  | { readonly kind: 'some'; readonly selector: Selector; readonly attributes: DeviceInput['attributes'] };

export interface Question {
  readonly source: Subject;
  readonly target: Subject;
  readonly protocol: number;
  readonly port: number;
}

export function subjectOf(
  policy: Policy,
  selector: Selector,
  attributes: DeviceInput['attributes'] = {},
): Subject {
  const prefix =
    selector.kind === 'host'
      ? policy.hosts.get(selector.name)?.prefix
      : selector.kind === 'prefix'
        ? selector.prefix
        : undefined;
  if (prefix !== undefined && isSingleAddr(prefix)) return { kind: 'address', addr: prefix.addr };
  return { kind: 'some', selector, attributes };
}

function userOf(world: NaiveWorld, subject: Subject): UserInput | undefined {
  if (subject.kind === 'some') {
    const { selector } = subject;
    return selector.kind === 'user' ? world.users.find(({ login }) => login === selector.login) : undefined;
  }
  const device = holder(world, subject.addr);
  return device && inForce(world, device) ? personOf(world, device) : undefined;
}

/** Whether a selector of a rule names some device that the other one names, whichever device that is. */
function namesSome(world: NaiveWorld, selector: Selector, { selector: some }: Subject & { kind: 'some' }) {
  if (selector.kind === 'any') return true;
  if (selector.kind === 'autogroup' && selector.name === 'autogroup:danger-all') return true;
  if (some.kind === 'user') {
    const owner = world.users.find(({ login }) => login === some.login);
    return owner !== undefined && namesDevice(world, selector, deviceOf(owner));
  }
  const isAutogroup = (name: string): boolean => selector.kind === 'autogroup' && selector.name === name;
  switch (some.kind) {
    case 'tag':
      return isAutogroup('autogroup:tagged') || (selector.kind === 'tag' && selector.name === some.name);
    case 'group':
      return isAutogroup('autogroup:member') || (selector.kind === 'group' && selector.name === some.name);
    case 'users-of-domain':
      return (
        isAutogroup('autogroup:member') ||
        (selector.kind === 'users-of-domain' && selector.domain === some.domain)
      );
    case 'autogroup':
      if (isAutogroup(some.name)) return true;
      return some.name === 'autogroup:admin' && isAutogroup('autogroup:member');
    default:
      return false;
  }
}

const deviceOf = ({ id }: UserInput): DeviceInput => ({
  id: -1,
  owner: { kind: 'membership', id },
  tags: [],
  addresses: [],
  advertised: [],
  approved: [],
  attributes: {},
  class: 'normal',
  authorized: true,
});

function isSource(world: NaiveWorld, rule: Pick<Rule, 'src' | 'srcPosture'>, source: Subject): boolean {
  if (source.kind === 'address') return namesSource(world, rule, source.addr);
  if (!attributesHold(world, rule, source.attributes)) return false;
  return rule.src.some((selector) => namesSome(world, selector, source));
}

function isTarget(world: NaiveWorld, dst: Selector, source: Subject, target: Subject): boolean {
  if (dst.kind === 'autogroup' && dst.name === 'autogroup:self') {
    const person = userOf(world, source);
    return person !== undefined && person.id === userOf(world, target)?.id;
  }
  if (target.kind === 'some') return namesSome(world, dst, target);
  const device = holder(world, target.addr);
  const alive = device !== undefined && inForce(world, device);
  if (dst.kind === 'any') return !alive || device.class === 'normal';
  if (dst.kind === 'autogroup' && dst.name === 'autogroup:internet') return isPublic(target.addr);
  const set = literal(world.policy, dst);
  if (set !== undefined) return set.has(target.addr);
  return alive && namesDevice(world, dst, device);
}

/** Whether the rules let the traffic pass. */
export function isAllowed(world: NaiveWorld, { source, target, ...traffic }: Question): boolean {
  return rulesOf(world.policy).some(
    (rule) =>
      isSource(world, rule, source) &&
      rule.targets.some(
        ({ dst, allow }) => allows(allow, traffic) && dst.some((one) => isTarget(world, one, source, target)),
      ),
  );
}

function letsIn(world: NaiveWorld, { users }: SshRule, source: Subject, login: string): boolean {
  const [localpart, domain] = userOf(world, source)?.login.split('@') ?? [];
  return users.some((name) => {
    if (name === 'autogroup:nonroot') return login !== 'root';
    if (name.startsWith('localpart:*@')) return name === `localpart:*@${domain}` && login === localpart;
    return name === login;
  });
}

/** How the SSH rules let somebody in; check wins over accept. */
export function sshAccess(
  world: NaiveWorld,
  source: Subject,
  target: Subject,
  login: string,
): 'accept' | 'check' | 'deny' {
  const actions = world.policy.ssh
    .filter((rule) => isSource(world, rule, source))
    .filter((rule) => rule.dst.some((dst) => isTarget(world, dst, source, target)))
    .filter((rule) => letsIn(world, rule, source, login))
    .map(({ action }) => action);
  return actions.includes('check') ? 'check' : (actions[0] ?? 'deny');
}

/** Whether an edge lets somebody whom a selector names, with these attributes, reach an address. */
export function edgeOpens(
  world: NaiveWorld,
  edge: EdgeInput,
  { source, target, ...traffic }: Question & { readonly source: { readonly kind: 'some' } },
): boolean {
  const resource = world.resources.find(({ id }) => id === edge.resource);
  const network = world.networks.find(({ id }) => id === resource?.network);
  if (!resource?.active || !network?.active || !edgeGroup(world, edge) || target.kind === 'some')
    return false;
  if (!placesOf(resource).some((prefix) => prefixContains(prefix, target.addr))) return false;
  if (edge.conditions !== undefined && source.attributes['node:os'] !== 'linux') return false;
  if (!resourceAllows(resource, { from: target.addr, to: target.addr, ...traffic })) return false;
  if (edge.principal.kind === 'service-account') return source.selector.kind === 'any';
  const members = world.groups.find(({ id }) => id === edge.principal.id)?.members ?? [];
  return world.users
    .filter(({ id }) => members.includes(id))
    .some(({ login }) => namesSome(world, source.selector, { ...source, selector: { kind: 'user', login } }));
}
