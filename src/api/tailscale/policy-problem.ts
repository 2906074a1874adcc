/** What is wrong with a policy file, in the form that clients decode and print: `data`, a list of findings. */
import type { PolicyProblem } from '../../domain/policy-file/policy-checker.ts';

/** Where the value at fault stands, in words, when the message does not say it. */
export function placeText({ message, place }: PolicyProblem): string[] {
  if (place === undefined) return [];
  const text = `line ${place.line}, column ${place.column}`;
  return message.startsWith(text) ? [] : [text];
}

/**
 * The message is the real service's, byte for byte, and has no room for a place. Terraform and the GitOps tool print the
 * findings below it, so the place of a value at fault is one, about no user in particular.
 */
export function problemData(problem: PolicyProblem): { readonly data?: readonly object[] } {
  if (problem.findings !== undefined) {
    return { data: problem.findings.map(({ user, errors }) => ({ user, errors })) };
  }
  const errors = placeText(problem);
  return errors.length === 0 ? {} : { data: [{ user: '', errors }] };
}

/** The problem in the details of an error; the domain puts it there. */
export const isProblem = (details: unknown): details is PolicyProblem =>
  typeof details === 'object' && details !== null && 'message' in details;
