import type { Policy, Selector } from '../ast.ts';
import { PolicyError } from '../errors.ts';
import { readRelays } from '../relays.ts';
import { validateNodeAttrs, validateOwners } from './attributes.ts';
import type { ValidationContext } from './context.ts';
import { validateConditions, validatePostures, validateRules } from './rules.ts';
import { validateSize } from './size.ts';
import { validateSsh } from './ssh.ts';
import { validateSshTests } from './tests.ts';

export { EMPTY_CONTEXT, type ValidationContext } from './context.ts';
export { RESERVED_TAG_PREFIX, selectorText } from './selectors.ts';
export { localpartDomain } from './ssh.ts';

/**
 * Checks that every name exists and may stand where it stands. Throws PolicyError with the real service's text and the
 * place of the first problem. Whether the policy's own tests hold is a question of `runTests`.
 */
export function validatePolicy(policy: Policy, context: ValidationContext): void {
  validateOwners(policy, context);
  validateRules(policy, context);
  validateSize(policy);
  validateNodeAttrs(policy, context);
  validateSsh(policy, context);
  validatePostures(policy, policy.defaultSrcPosture, 'defaultSrcPosture');
  validateConditions(policy);
  validateSshTests(policy);
  if (policy.derpMap !== undefined) {
    readRelays(policy.derpMap, (problem, path) => {
      throw new PolicyError(`derpMap: ${problem}`, policy.places.value('derpMap', ...path));
    });
  }
}

/** What may be saved but probably does not mean what its author thinks. */
export function policyWarnings(policy: Policy, context: ValidationContext): string[] {
  const warnings: string[] = [];
  for (const [name, { members }] of policy.groups) {
    for (const member of members) {
      if (!context.hasUser(member))
        warnings.push(`${JSON.stringify(name)}: user not found: ${JSON.stringify(member)}`);
    }
  }
  const named = new Set<string>();
  const note = (selector: Selector): void => {
    if (selector.kind === 'user' && !context.hasUser(selector.login)) named.add(selector.login);
  };
  for (const rule of policy.rules ?? []) {
    rule.src.forEach(note);
    for (const target of rule.targets) target.dst.forEach(note);
  }
  for (const { src, dst } of policy.ssh) for (const one of [...src, ...dst]) note(one);
  for (const { owners } of policy.tagOwners.values()) owners.forEach(note);
  const { routes, exitNode, services } = policy.autoApprovers;
  for (const { approvers } of routes) approvers.forEach(note);
  for (const approvers of [exitNode, ...services.values()]) approvers.forEach(note);
  for (const { target } of policy.nodeAttrs) target.forEach(note);
  for (const login of named) warnings.push(`user not found: ${JSON.stringify(login)}`);
  return warnings;
}
