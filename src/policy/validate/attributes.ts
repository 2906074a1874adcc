import type { JsonValue } from '../../kernel/hujson/index.ts';
import {
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixCovers,
  prefixesOverlap,
} from '../../kernel/netip/index.ts';
import type { NodeAttr, Policy } from '../ast.ts';
import { PolicyError } from '../errors.ts';
import type { ValidationContext } from './context.ts';
import { isAutogroup, unknownName } from './selectors.ts';

export const APP_CONNECTORS = 'tailscale.com/app-connectors';

const prefixes = (...texts: string[]): Prefix[] => texts.map(parsePrefix).filter((p) => p !== undefined);

/** Where devices get their addresses, and the parts of it that clients use for themselves. */
const ADDRESS_POOL = prefixes('100.64.0.0/10');
const RESERVED_POOLS = prefixes('100.100.0.0/24', '100.100.100.0/24', '100.115.92.0/23');

const quote = (text: string): string => JSON.stringify(text);

export function validateNodeAttrs(policy: Policy, context: ValidationContext): void {
  for (const attr of policy.nodeAttrs) {
    const place = { line: attr.line, column: 1 };
    for (const target of attr.target) {
      // Recorded: the service fails on this one instead of refusing it.
      if (isAutogroup(target, 'autogroup:self')) throw new PolicyError('internal server error', place, 500);
      const unknown = unknownName(policy, context, target);
      if (unknown !== undefined) throw new PolicyError(unknown, place);
    }
    const problem = poolProblem(attr) ?? appProblem(attr);
    if (problem !== undefined) throw new PolicyError(problem, place);
  }
}

function poolProblem(attr: NodeAttr): string | undefined {
  for (const pool of attr.ipPool) {
    const text = formatPrefix(pool);
    if (!ADDRESS_POOL.some((all) => prefixCovers(all, pool))) {
      return `IPPool(${text}): network not within ${ADDRESS_POOL.map(formatPrefix).join()}`;
    }
    if (RESERVED_POOLS.some((reserved) => prefixesOverlap(reserved, pool))) {
      return `IPPool(${text}): network within reserved range`;
    }
  }
  return undefined;
}

function appProblem(attr: NodeAttr): string | undefined {
  const connectors = attr.app.get(APP_CONNECTORS);
  if (connectors === undefined) return undefined;
  const targetsAll = attr.target.length === 1 && attr.target[0]?.kind === 'any';
  if (!targetsAll) return `${APP_CONNECTORS} can only be specified with target "*"`;
  for (const entry of Array.isArray(connectors) ? connectors : [connectors]) {
    const problem = connectorProblem(entry);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function connectorProblem(entry: JsonValue): string | undefined {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) {
    return `${APP_CONNECTORS}: an app must be an object`;
  }
  const list = entry.connectors;
  for (const connector of Array.isArray(list) ? list : []) {
    if (typeof connector !== 'string' || !(connector === '*' || connector.startsWith('tag:'))) {
      return `connector (${String(connector)}) must be a tag`;
    }
  }
  const preset = entry.presetAppID;
  if (preset !== undefined && preset !== '') return `preset app ID (${String(preset)}) is not valid`;
  return undefined;
}

/** Tag owners and approvers must exist; that tags own each other in circles is allowed. */
export function validateOwners(policy: Policy, context: ValidationContext): void {
  for (const [tag, { owners, line }] of policy.tagOwners) {
    for (const owner of owners) {
      const unknown = unknownName(policy, context, owner);
      if (unknown !== undefined)
        throw new PolicyError(`tagOwners[${quote(tag)}]: ${unknown}`, { line, column: 1 });
    }
  }
  const { routes, exitNode, services } = policy.autoApprovers;
  for (const { approvers, line } of routes) {
    for (const approver of approvers) {
      const unknown = unknownName(policy, context, approver);
      if (unknown !== undefined)
        throw new PolicyError(`autoApprovers.routes: ${unknown}`, { line, column: 1 });
    }
  }
  for (const approver of [...exitNode, ...[...services.values()].flat()]) {
    const unknown = unknownName(policy, context, approver);
    if (unknown !== undefined) throw new PolicyError(`autoApprovers: ${unknown}`);
  }
}
