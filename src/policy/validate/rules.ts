import { isDefaultRoute } from '../../kernel/netip/index.ts';
import type { Policy, Rule, Selector } from '../ast.ts';
import { refuseAt } from '../errors.ts';
import type { Step } from '../parse/places.ts';
import { orderProblem } from '../posture.ts';
import type { ValidationContext } from './context.ts';
import {
  DST_AUTOGROUPS,
  isAutogroup,
  namesPeople,
  SRC_AUTOGROUPS,
  selectorText,
  tagExists,
  unknownName,
} from './selectors.ts';

const quote = (text: string): string => JSON.stringify(text);

/** The old names of an acl's fields among them. */
const SRC: Step = ['src', 'users'];
const DST: Step = ['dst', 'ports'];

export function validateRules(policy: Policy, context: ValidationContext): void {
  for (const rule of policy.rules ?? []) validateRule(policy, context, rule);
}

function validateRule(policy: Policy, context: ValidationContext, rule: Rule): void {
  const { section, index } = rule;
  const refuse = (problem: string | undefined, field: Step, item: number): void =>
    refuseAt(problem, () => policy.places.value(section, index, field, item));
  for (const [i, src] of rule.src.entries()) refuse(sourceProblem(policy, context, src), SRC, i);
  // A grant has one target with all destinations, an acl one target for each.
  for (const [i, selector] of rule.targets.flatMap(({ dst }) => dst).entries())
    refuse(destinationProblem(policy, context, rule, selector), DST, i);
  for (const [i, via] of rule.via.entries()) refuse(viaProblem(policy, via), 'via', i);
  validatePostures(policy, rule.srcPosture, section, index, 'srcPosture');
}

function sourceProblem(policy: Policy, context: ValidationContext, src: Selector): string | undefined {
  const unknown = unknownName(policy, context, src);
  if (unknown !== undefined) return src.kind === 'users-of-domain' ? unknown : `src=${unknown}`;
  if (src.kind === 'service') return `${quote(src.name)} not valid on the src side of a rule`;
  return src.kind === 'autogroup' && !SRC_AUTOGROUPS.has(src.name)
    ? `${quote(src.name)} not valid on the src side of a rule`
    : undefined;
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
    return `${quote(dst.name)} not valid on the dst side of a rule`;
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

function viaProblem(policy: Policy, via: string): string | undefined {
  if (!via.startsWith('tag:')) return 'via can only be a tag';
  return tagExists(policy, via) ? undefined : `tag ${quote(via)} not found`;
}

/** Every posture of the list at a path must be defined. */
export function validatePostures(
  policy: Policy,
  postures: readonly string[] | undefined,
  ...path: readonly Step[]
): void {
  for (const [i, name] of (postures ?? []).entries()) {
    const missing = policy.postures.has(name) ? undefined : `srcPosture: posture not found: ${quote(name)}`;
    refuseAt(missing, () => policy.places.value(...path, i));
  }
}

/** Asked when a file is saved: one that was saved with a condition that never holds stays in force. */
export function validateConditions(policy: Policy): void {
  for (const [name, { conditions }] of policy.postures) {
    for (const [i, condition] of conditions.entries()) {
      const problem = orderProblem(condition);
      const text = `postures[${quote(name)}]: ${quote(condition.text)}: ${problem}`;
      refuseAt(problem && text, () => policy.places.value('postures', name, i));
    }
  }
}
