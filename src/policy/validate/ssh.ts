import type { Policy, Selector, SshRule } from '../ast.ts';
import { refuseAt } from '../errors.ts';
import type { ValidationContext } from './context.ts';
import { validatePostures } from './rules.ts';
import {
  isAutogroup,
  namesPeople,
  selectorText,
  tagExists,
  unknownDomain,
  unknownName,
} from './selectors.ts';

/** `localpart:*@domain` logs each user of the domain in under the local part of their own address. */
const LOCALPART_OF_DOMAIN = /^localpart:\*@(.+)$/;

const domainAsWritten = (user: string): string | undefined => LOCALPART_OF_DOMAIN.exec(user)?.[1];

/** The domain of a `localpart:*@domain` user; undefined for every other text. */
export const localpartDomain = (user: string): string | undefined => domainAsWritten(user)?.toLowerCase();

const quote = (text: string): string => JSON.stringify(text);

export function validateSsh(policy: Policy, context: ValidationContext): void {
  for (const rule of policy.ssh) {
    const refuse = (problem: string | undefined, field: string, item: number): void =>
      refuseAt(problem, () => policy.places.value('ssh', rule.index, field, item));
    for (const [i, user] of rule.users.entries()) {
      const domain = domainAsWritten(user);
      refuse(domain === undefined ? undefined : unknownDomain(context, domain), 'users', i);
    }
    for (const [i, src] of rule.src.entries()) refuse(sourceProblem(policy, context, src), 'src', i);
    for (const [i, dst] of rule.dst.entries())
      refuse(destinationProblem(policy, context, rule, dst), 'dst', i);
    for (const [i, tag] of rule.recorder.entries()) refuse(recorderProblem(policy, tag, i), 'recorder', i);
    validatePostures(policy, rule.srcPosture, 'ssh', rule.index, 'srcPosture');
  }
}

/** Recorders are the devices of one tag. */
function recorderProblem(policy: Policy, tag: string, item: number): string | undefined {
  if (item > 0) return 'only one recorder tag is allowed in a rule';
  if (!tag.startsWith('tag:')) return `invalid recorder ${quote(tag)}: must be a tag`;
  return tagExists(policy, tag) ? undefined : `recorder=tag not found: ${quote(tag)}`;
}

const SRC_AUTOGROUPS = new Set(['autogroup:member', 'autogroup:tagged', 'autogroup:shared']);

function sourceProblem(policy: Policy, context: ValidationContext, src: Selector): string | undefined {
  const unknown = unknownName(policy, context, src);
  if (unknown !== undefined) return src.kind === 'users-of-domain' ? `[ssh] ${unknown}` : `src=${unknown}`;
  const fits =
    src.kind === 'tag' || namesPeople(src) || (src.kind === 'autogroup' && SRC_AUTOGROUPS.has(src.name));
  return fits ? undefined : `invalid src ${quote(selectorText(src))}`;
}

function destinationProblem(
  policy: Policy,
  context: ValidationContext,
  rule: SshRule,
  dst: Selector,
): string | undefined {
  const text = quote(selectorText(dst));
  if (dst.kind === 'host' || dst.kind === 'prefix' || dst.kind === 'any') return `invalid dst ${text}`;
  const unknown = unknownName(policy, context, dst);
  if (unknown !== undefined) return `dst=${text}: ${unknown}`;
  if (dst.kind === 'tag' || isAutogroup(dst, 'autogroup:tagged')) return undefined;
  if (isAutogroup(dst, 'autogroup:self')) {
    return rule.src.every(namesPeople)
      ? undefined
      : 'autogroup:self can only be used with users, groups, or supported autogroups';
  }
  if (isAutogroup(dst, 'autogroup:member')) {
    return rule.src.every(namesPeople)
      ? undefined
      : 'tagged devices cannot connect to devices of users over SSH';
  }
  if (dst.kind === 'user') {
    const sameUser = rule.src.every((src) => src.kind === 'user' && src.login === dst.login);
    return sameUser ? undefined : `dst ${text} must be the only user of src`;
  }
  return `invalid dst ${text}`;
}
