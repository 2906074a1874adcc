import type { ExactValue, JsonValue } from '../../kernel/hujson/index.ts';
import {
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixCovers,
  prefixesOverlap,
} from '../../kernel/netip/index.ts';
import type { NodeAttr, Policy, Selector } from '../ast.ts';
import { PolicyError, refuseAt } from '../errors.ts';
import type { Step } from '../parse/places.ts';
import type { ValidationContext } from './context.ts';
import { isAutogroup, unknownName } from './selectors.ts';

const APP_CONNECTORS = 'tailscale.com/app-connectors';

const prefixes = (...texts: string[]): Prefix[] => texts.map(parsePrefix).filter((p) => p !== undefined);

/** Where devices get their addresses, and the parts of it that clients use for themselves. */
const ADDRESS_POOL = prefixes('100.64.0.0/10');
const RESERVED_POOLS = prefixes('100.100.0.0/24', '100.100.100.0/24', '100.115.92.0/23');

const quote = (text: string): string => JSON.stringify(text);

export function validateNodeAttrs(policy: Policy, context: ValidationContext): void {
  for (const attr of policy.nodeAttrs) {
    for (const [i, target] of attr.target.entries()) {
      const place = () => policy.places.value('nodeAttrs', attr.index, 'target', i);
      // Recorded: the service fails on this one instead of refusing it.
      if (isAutogroup(target, 'autogroup:self')) throw new PolicyError('internal server error', place(), 500);
      refuseAt(unknownName(policy, context, target), place);
    }
    for (const [i, pool] of attr.ipPool.entries())
      refuseAt(poolProblem(pool), () => policy.places.value('nodeAttrs', attr.index, 'ipPool', i));
    validateApp(policy, attr);
  }
}

function poolProblem(pool: Prefix): string | undefined {
  const text = formatPrefix(pool);
  if (!ADDRESS_POOL.some((all) => prefixCovers(all, pool))) {
    return `IPPool(${text}): network not within ${ADDRESS_POOL.map(formatPrefix).join()}`;
  }
  return RESERVED_POOLS.some((reserved) => prefixesOverlap(reserved, pool))
    ? `IPPool(${text}): network within reserved range`
    : undefined;
}

/** With numbers as JavaScript has them, which is enough to look at. */
const plain = (value: ExactValue): JsonValue => JSON.parse(JSON.stringify(value));

type Refuse = (problem: string, ...path: readonly Step[]) => never;

function validateApp(policy: Policy, attr: NodeAttr): void {
  const written = attr.app.get(APP_CONNECTORS);
  if (written === undefined) return;
  const connectors = plain(written);
  const at = ['nodeAttrs', attr.index, 'app', APP_CONNECTORS] as const;
  const refuse: Refuse = (problem, ...path) => {
    throw new PolicyError(problem, policy.places.value(...at, ...path));
  };
  const targetsAll = attr.target.length === 1 && attr.target[0]?.kind === 'any';
  if (!targetsAll) {
    const place = policy.places.key(...at);
    throw new PolicyError(`${APP_CONNECTORS} can only be specified with target "*"`, place);
  }
  if (!Array.isArray(connectors)) validateConnector(connectors, refuse);
  else {
    for (const [i, entry] of connectors.entries())
      validateConnector(entry, (problem, ...path) => refuse(problem, i, ...path));
  }
}

function validateConnector(entry: JsonValue, refuse: Refuse): void {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) {
    refuse(`${APP_CONNECTORS}: an app must be an object`);
  }
  const list = entry.connectors;
  for (const [i, connector] of (Array.isArray(list) ? list : []).entries()) {
    if (typeof connector !== 'string' || !(connector === '*' || connector.startsWith('tag:'))) {
      refuse(`connector (${String(connector)}) must be a tag`, 'connectors', i);
    }
  }
  const preset = entry.presetAppID;
  if (preset !== undefined && preset !== '')
    refuse(`preset app ID (${String(preset)}) is not valid`, 'presetAppID');
}

/** Tag owners and approvers must exist; that tags own each other in circles is allowed. */
export function validateOwners(policy: Policy, context: ValidationContext): void {
  const requireAll = (selectors: readonly Selector[], what: string, ...path: readonly Step[]): void => {
    for (const [i, selector] of selectors.entries()) {
      const unknown = unknownName(policy, context, selector);
      if (unknown !== undefined)
        throw new PolicyError(`${what}: ${unknown}`, policy.places.value(...path, i));
    }
  };
  for (const [tag, { owners }] of policy.tagOwners) {
    // Asked when a file is saved: one that was saved with such a tag stays in force.
    if (!/^tag:[a-zA-Z0-9-]+$/.test(tag)) {
      const problem = `tagOwners[${quote(tag)}]: tag names can only contain numbers, letters, or dashes`;
      throw new PolicyError(problem, policy.places.key('tagOwners', tag));
    }
    requireAll(owners, `tagOwners[${quote(tag)}]`, 'tagOwners', tag);
  }
  const { routes, exitNode, services } = policy.autoApprovers;
  for (const { name, approvers } of routes)
    requireAll(approvers, 'autoApprovers.routes', 'autoApprovers', 'routes', name);
  requireAll(exitNode, 'autoApprovers', 'autoApprovers', 'exitNode');
  for (const [name, approvers] of services)
    requireAll(approvers, 'autoApprovers', 'autoApprovers', 'services', name);
}
