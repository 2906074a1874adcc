import { isDefaultRoute } from '../../kernel/netip/index.ts';
import type { Policy, Rule, Selector } from '../ast.ts';
import { PolicyError } from '../errors.ts';
import { ROLE_AUTOGROUPS } from '../parse/selector.ts';
import type { ValidationContext } from './context.ts';
import { isAutogroup, namesPeople, selectorText, tagExists, unknownName } from './selectors.ts';

const SRC_AUTOGROUPS = new Set([
  'autogroup:member',
  'autogroup:tagged',
  'autogroup:shared',
  'autogroup:danger-all',
  ...ROLE_AUTOGROUPS,
]);
const DST_AUTOGROUPS = new Set([
  'autogroup:member',
  'autogroup:tagged',
  'autogroup:internet',
  'autogroup:self',
  ...ROLE_AUTOGROUPS,
]);

const quote = (text: string): string => JSON.stringify(text);

export function validateRules(policy: Policy, context: ValidationContext): void {
  for (const rule of policy.rules ?? []) {
    const problem = ruleProblem(policy, context, rule);
    if (problem !== undefined) throw new PolicyError(problem, { line: rule.line, column: 1 });
  }
}

function ruleProblem(policy: Policy, context: ValidationContext, rule: Rule): string | undefined {
  for (const src of rule.src) {
    const problem = sourceProblem(policy, context, src);
    if (problem !== undefined) return problem;
  }
  for (const { dst } of rule.targets) {
    for (const selector of dst) {
      const problem = destinationProblem(policy, context, rule, selector);
      if (problem !== undefined) return problem;
    }
  }
  return viaProblem(policy, rule) ?? postureProblem(policy, rule.srcPosture);
}

function sourceProblem(policy: Policy, context: ValidationContext, src: Selector): string | undefined {
  const unknown = unknownName(policy, context, src);
  if (unknown !== undefined) return src.kind === 'users-of-domain' ? unknown : `src=${unknown}`;
  if (src.kind === 'service') return `${quote(src.name)} not valid on the src side of a rule`;
  if (src.kind === 'autogroup' && !SRC_AUTOGROUPS.has(src.name)) {
    return DST_AUTOGROUPS.has(src.name)
      ? `${quote(src.name)} not valid on the src side of a rule`
      : `src=autogroup not found: ${quote(src.name)}`;
  }
  return undefined;
}

function destinationProblem(
  policy: Policy,
  context: ValidationContext,
  rule: Rule,
  dst: Selector,
): string | undefined {
  const text = selectorText(dst);
  const unknown = unknownName(policy, context, dst);
  if (unknown !== undefined)
    return dst.kind === 'users-of-domain' ? unknown : `dst=${quote(text)}: ${unknown}`;
  if (isAutogroup(dst, 'autogroup:danger-all')) return 'cannot use autogroup:danger-all as a dst';
  if (dst.kind === 'autogroup' && !DST_AUTOGROUPS.has(dst.name)) {
    return SRC_AUTOGROUPS.has(dst.name)
      ? `${quote(dst.name)} not valid on the dst side of a rule`
      : `dst=${quote(text)}: autogroup not found: ${quote(dst.name)}`;
  }
  if (dst.kind === 'prefix' && isDefaultRoute(dst.prefix)) {
    return `dst ${quote(text)}: to allow all IP addresses, use "*" or "autogroup:internet"`;
  }
  if (isAutogroup(dst, 'autogroup:internet') && rule.app !== undefined) {
    return 'cannot use app grants with autogroup:internet';
  }
  if (isAutogroup(dst, 'autogroup:self') && !rule.src.every((src) => mayReachSelf(rule, src))) {
    return 'autogroup:self can only be used with users, groups, or supported autogroups';
  }
  return undefined;
}

/** The service takes `*` for "everybody's own devices" in acls, and refuses it in grants. */
const mayReachSelf = (rule: Rule, src: Selector): boolean =>
  namesPeople(src) || (rule.section === 'acls' && src.kind === 'any');

function viaProblem(policy: Policy, rule: Rule): string | undefined {
  for (const via of rule.via) {
    if (!via.startsWith('tag:')) return 'via can only be a tag';
    if (!tagExists(policy, via)) return `tag ${quote(via)} not found`;
  }
  return undefined;
}

/** Every posture that a rule names must be defined. */
export function postureProblem(policy: Policy, postures: readonly string[] | undefined): string | undefined {
  const missing = postures?.find((name) => !policy.postures.has(name));
  return missing === undefined ? undefined : `srcPosture: posture not found: ${quote(missing)}`;
}
