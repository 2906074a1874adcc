import type { SshTest } from '../ast.ts';
import type { Core } from '../engine/core.ts';
import { parseSelector } from '../parse/selector.ts';
import type { Endpoint } from './endpoint.ts';
import { createSshMatcher, type SshAccess, type SshMatcher } from './ssh-matcher.ts';
import { createTestEndpoints, type TestEndpoints } from './test-endpoints.ts';
import { MAX_ERRORS, MAX_LOOKS, type TestFailure, TOO_MUCH } from './tests.ts';

/** Runs sshTests, by default the policy's own. */
export function runSshTests(
  core: Core,
  tests: readonly SshTest[] = core.world.policy.sshTests,
): TestFailure[] {
  const endpoints = createTestEndpoints(core);
  const matcher = createSshMatcher(core);
  return tests.flatMap((test) => {
    const errors = sshTestErrors(endpoints, matcher, test);
    return errors.length === 0 ? [] : [{ user: test.src, errors, place: test.place }];
  });
}

function sshTestErrors(endpoints: TestEndpoints, matcher: SshMatcher, test: SshTest): string[] {
  if (test.src === '') return ['src must be specified'];
  const source = endpoints.source(test);
  if (typeof source === 'string') return [source];
  if (test.accept.length + test.check.length + test.deny.length === 0) return ['nothing is tested'];
  if (test.dst.length === 0) return ['dst must be specified'];
  const errors: string[] = [];
  const [accept, check, deny] = [new Set(test.accept), new Set(test.check), new Set(test.deny)];
  /** Destinations at which the logins fare as at one before, where all went well. */
  const passed = new Set<string>();
  for (const text of new Set(test.dst)) {
    if (errors.length >= MAX_ERRORS) break;
    const target = sshTarget(endpoints, source, text);
    if (typeof target === 'string') {
      errors.push(`dst ${JSON.stringify(text)}: ${target}`);
      continue;
    }
    const { key, accessOf } = matcher.between(source, target);
    if (passed.has(key)) continue;
    if (matcher.looks() > MAX_LOOKS) return [...errors, TOO_MUCH];
    const before = errors.length;
    const expectAll = (
      logins: ReadonlySet<string>,
      want: string,
      holds: (found: SshAccess) => boolean,
    ): void => {
      for (const login of logins) {
        if (errors.length >= MAX_ERRORS) return;
        const found = accessOf(login);
        if (login === '') errors.push('a login name can not be empty');
        else if (!holds(found))
          errors.push(`${login} at ${JSON.stringify(text)}: want: ${want}, got: ${found}`);
      }
    };
    expectAll(accept, 'accept', (found) => found !== 'deny');
    expectAll(check, 'check', (found) => found === 'check');
    expectAll(deny, 'deny', (found) => found === 'deny');
    if (errors.length === before) passed.add(key);
  }
  return errors;
}

function sshTarget(endpoints: TestEndpoints, source: Endpoint, text: string): Endpoint | string {
  const selector = parseSelector(text);
  if (selector.kind === 'autogroup' && selector.name === 'autogroup:self') {
    return source.user === undefined ? 'the source is no user' : source;
  }
  // Recorded: the service takes an IPv4 address here and fails on an IPv6 one.
  if (selector.kind === 'prefix' && selector.prefix.addr.family === 6)
    return 'IPv6 addresses can not be tested';
  const target = endpoints.target(text);
  if (typeof target === 'string') return target;
  const literal = selector.kind === 'host' || selector.kind === 'prefix';
  return literal && target.device === undefined ? 'no device has this address' : target;
}
