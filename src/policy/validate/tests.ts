import { isSingleAddr } from '../../kernel/netip/index.ts';
import type { Policy } from '../ast.ts';
import { PolicyError } from '../errors.ts';
import { parseSelector } from '../parse/selector.ts';
import { isAutogroup, tagExists } from './selectors.ts';

/**
 * Destinations of sshTests that the service refuses by name. Everything else that is wrong with a test makes the test
 * fail when it runs.
 */
export function validateSshTests(policy: Policy): void {
  for (const test of policy.sshTests) {
    for (const [i, text] of test.dst.entries()) {
      const refuse = (problem: string): never => {
        const place = policy.places.value('sshTests', test.index, 'dst', i);
        throw new PolicyError(`SSH tests dst contains ${problem} ${JSON.stringify(text)}`, place);
      };
      const dst = parseSelector(text);
      if (dst.kind === 'tag' && !tagExists(policy, dst.name)) refuse('unknown tag');
      const network = dst.kind === 'prefix' && !isSingleAddr(dst.prefix);
      if (network || isAutogroup(dst, 'autogroup:internet')) refuse('disallowed element');
    }
  }
}
