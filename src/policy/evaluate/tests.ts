/**
 * The policy's own `tests` (and, in ssh-tests.ts, `sshTests`): they decide whether the file may be saved. They are about
 * the rules, not about who is online: a user without a device can be tested.
 */
import type { Position } from '../../kernel/hujson/index.ts';
import type { PolicyTest } from '../ast.ts';
import type { Core } from '../engine/core.ts';
import { PolicyError } from '../errors.ts';
import { portList, requireProtocol, splitHostPorts } from '../parse/ports.ts';
import { parseSelector } from '../parse/selector.ts';
import type { Endpoint } from './endpoint.ts';
import type { Traffic } from './match.ts';
import { createMatcher, type Matcher } from './matcher.ts';
import { createTestEndpoints, type TestEndpoints } from './test-endpoints.ts';

/** One failing test; the shape is that of the API's answer. */
export interface TestFailure {
  readonly user: string;
  readonly errors: readonly string[];
  /** Of the test. */
  readonly place: Position;
}

/** What a failing test tells at most: two long lists in one test fail in millions of ways. */
export const MAX_ERRORS = 100;

/**
 * How many rules tests may look at, in one run: thousands of tests of thousands of rules pass, and no file, however large,
 * keeps the server from others for more than a moment.
 */
export const MAX_LOOKS = 5_000_000;
export const TOO_MUCH = 'the file has too many tests for its many rules';

const TCP = 6;
const UDP = 17;
const ICMP = 1;

/** Runs tests, by default the policy's own, against its rules. */
export function runTests(core: Core, tests: readonly PolicyTest[] = core.world.policy.tests): TestFailure[] {
  const endpoints = createTestEndpoints(core);
  const matcher = createMatcher(core);
  return tests.flatMap((test) => {
    const errors = testErrors(endpoints, matcher, test);
    return errors.length === 0 ? [] : [{ user: test.src, errors, place: test.place }];
  });
}

function testErrors(endpoints: TestEndpoints, matcher: Matcher, test: PolicyTest): string[] {
  if (test.src === '') return ['src must be specified'];
  const source = endpoints.source(test);
  if (typeof source === 'string') return [source];
  if (test.accept.length + test.deny.length === 0) return ['accept and deny can not both be empty'];
  const errors: string[] = [];
  const check = (text: string, wanted: boolean): void => {
    if (errors.length >= MAX_ERRORS || errors.at(-1) === TOO_MUCH) return;
    if (matcher.looks() > MAX_LOOKS) {
      errors.push(TOO_MUCH);
      return;
    }
    const asked = questionOf(endpoints, text, test.proto);
    if (typeof asked === 'string') {
      errors.push(`address ${JSON.stringify(text)}: ${asked}`);
      return;
    }
    const allowed = asked.traffic.some((one) => matcher.between(source, asked.target).passes(one));
    if (allowed !== wanted) {
      const name = (yes: boolean): string => (yes ? 'Accept' : 'Drop');
      errors.push(`address ${JSON.stringify(text)}: want: ${name(wanted)}, got: ${name(allowed)}`);
    }
  };
  for (const text of test.accept) check(text, true);
  for (const text of test.deny) check(text, false);
  return errors;
}

export interface TestQuestion {
  readonly target: Endpoint;
  /** Any of these has to pass. */
  readonly traffic: readonly Traffic[];
}

/** What `host:port` of a test asks; a text says why the question makes no sense. */
export function questionOf(endpoints: TestEndpoints, text: string, proto: string): TestQuestion | string {
  const split = splitHostPorts(text.trim());
  if (split === undefined) return 'a destination needs a port';
  const protocols = protocolsOf(proto);
  if (typeof protocols === 'string') return protocols;
  const port = onePort(split.ports, protocols);
  if (typeof port === 'string') return port;
  const selector = parseSelector(split.host);
  if (selector.kind !== 'tag' && selector.kind !== 'host' && selector.kind !== 'prefix') {
    return 'a destination must be a tag, a host or an address';
  }
  if (selector.kind === 'prefix' && split.host.includes('/')) return 'a destination can not be a network';
  const target = endpoints.target(split.host);
  if (typeof target === 'string') return target;
  return { target, traffic: protocols.map((protocol) => ({ protocol, port })) };
}

/** Those of a test's `proto`, or what is wrong with it. */
function protocolsOf(proto: string): readonly number[] | string {
  if (proto === '') return [TCP, UDP];
  try {
    return [requireProtocol(proto)];
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
}

function onePort(text: string, protocols: readonly number[]): number | string {
  if (text === '0' && protocols.includes(ICMP)) return 0;
  if (!/^[0-9]+$/.test(text)) return 'a destination needs one port number';
  try {
    return portList(text)[0]?.first ?? 'a destination needs one port number';
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
}
