/**
 * The policy's own `tests` and `sshTests`: they decide whether the file may be saved. They are about the rules, not about
 * who is online: a user without a device can be tested.
 */
import type { JsonValue, Position } from '../../kernel/hujson/index.ts';
import type { PolicyTest, SshTest } from '../ast.ts';
import type { UnitSpec } from '../compile/unit.ts';
import type { Core } from '../engine/core.ts';
import { PolicyError } from '../errors.ts';
import { portList, protocolNumber, splitHostPorts } from '../parse/ports.ts';
import { parseSelector } from '../parse/selector.ts';
import type { Attributes } from '../posture.ts';
import { localpartDomain } from '../validate/index.ts';
import { type Endpoint, endpointOfSelector } from './endpoint.ts';
import { permits, sshLeads, type Traffic } from './match.ts';

/** One failing test; the shape is that of the API's answer. */
export interface TestFailure {
  readonly user: string;
  readonly errors: readonly string[];
  /** Of the test. */
  readonly place: Position;
}

/** What a failing test tells at most: two long lists in one test fail in millions of ways. */
const MAX_ERRORS = 100;

/**
 * How often tests may look at a rule, in one run: thousands of tests of thousands of rules pass, and no file, however
 * large, keeps the server from others for more than some seconds.
 */
const MAX_LOOKS = 20_000_000;
const TOO_MUCH = 'the file has too many tests for its many rules';

const TCP = 6;
const UDP = 17;
const ICMP = 1;

/** Runs tests, by default the policy's own, against its rules. */
export function runTests(core: Core, tests: readonly PolicyTest[] = core.world.policy.tests): TestFailure[] {
  const rules = core.program().units.size;
  let left = MAX_LOOKS;
  return tests.flatMap((test) => {
    left -= (test.accept.length + test.deny.length) * rules;
    const errors = left < 0 ? [TOO_MUCH] : testErrors(core, test);
    return errors.length === 0 ? [] : [{ user: test.src, errors, place: test.place }];
  });
}

function testErrors(core: Core, test: PolicyTest): string[] {
  if (test.src === '') return ['src must be specified'];
  const source = endpointOfSelector(core, parseSelector(test.src), attributesOf(test.srcPostureAttrs));
  if (typeof source === 'string') return [source];
  if (test.accept.length + test.deny.length === 0) return ['accept and deny can not both be empty'];
  const errors: string[] = [];
  const check = (text: string, wanted: boolean): void => {
    if (errors.length >= MAX_ERRORS) return;
    const allowed = reaches(core, source, text, test.proto);
    if (typeof allowed === 'string') errors.push(`address ${JSON.stringify(text)}: ${allowed}`);
    else if (allowed !== wanted) {
      const name = (yes: boolean): string => (yes ? 'Accept' : 'Drop');
      errors.push(`address ${JSON.stringify(text)}: want: ${name(wanted)}, got: ${name(allowed)}`);
    }
  };
  for (const text of test.accept) check(text, true);
  for (const text of test.deny) check(text, false);
  return errors;
}

/** Whether the source reaches `host:port`; a text says why the question makes no sense. */
export function reaches(
  core: Core,
  source: Endpoint,
  text: string,
  proto: string,
  concerns: (spec: UnitSpec) => boolean = () => true,
): boolean | string {
  const split = splitHostPorts(text.trim());
  if (split === undefined) return 'a destination needs a port';
  const protocols = proto === '' ? [TCP, UDP] : [protocolNumber(proto)];
  const ports = onePort(split.ports, protocols);
  if (typeof ports === 'string') return ports;
  const selector = parseSelector(split.host);
  if (selector.kind !== 'tag' && selector.kind !== 'host' && selector.kind !== 'prefix') {
    return 'a destination must be a tag, a host or an address';
  }
  if (selector.kind === 'prefix' && split.host.includes('/')) return 'a destination can not be a network';
  const target = endpointOfSelector(core, selector, {});
  if (typeof target === 'string') return target;
  for (const protocol of protocols) {
    if (protocol === undefined) return `unknown protocol ${JSON.stringify(proto)}`;
    const traffic: Traffic = { protocol, port: ports };
    for (const unit of core.program().units.values())
      if (concerns(unit.spec) && permits(unit.spec, source, target, traffic)) return true;
  }
  return false;
}

function onePort(text: string, protocols: readonly (number | undefined)[]): number | string {
  if (text === '0' && protocols.includes(ICMP)) return 0;
  if (!/^[0-9]+$/.test(text)) return 'a destination needs one port number';
  try {
    return portList(text)[0]?.first ?? 'a destination needs one port number';
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
}

function attributesOf(given: Readonly<Record<string, JsonValue>> | undefined): Attributes {
  const out: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(given ?? {})) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      out[name] = value;
  }
  return out;
}

/** Runs sshTests, by default the policy's own. */
export function runSshTests(
  core: Core,
  tests: readonly SshTest[] = core.world.policy.sshTests,
): TestFailure[] {
  const rules = core.program().sshUnits.size;
  let left = MAX_LOOKS;
  return tests.flatMap((test) => {
    left -= test.dst.length * (rules + test.accept.length + test.check.length + test.deny.length);
    const errors = left < 0 ? [TOO_MUCH] : sshTestErrors(core, test);
    return errors.length === 0 ? [] : [{ user: test.src, errors, place: test.place }];
  });
}

function sshTestErrors(core: Core, test: SshTest): string[] {
  if (test.src === '') return ['src must be specified'];
  const source = endpointOfSelector(core, parseSelector(test.src), attributesOf(test.srcPostureAttrs));
  if (typeof source === 'string') return [source];
  if (test.accept.length + test.check.length + test.deny.length === 0) return ['nothing is tested'];
  if (test.dst.length === 0) return ['dst must be specified'];
  const errors: string[] = [];
  const [accept, check, deny] = [new Set(test.accept), new Set(test.check), new Set(test.deny)];
  for (const text of new Set(test.dst)) {
    if (errors.length >= MAX_ERRORS) break;
    const target = sshTarget(core, source, text);
    if (typeof target === 'string') {
      errors.push(`dst ${JSON.stringify(text)}: ${target}`);
      continue;
    }
    const accessOf = sshAccess(core, source, target);
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
  }
  return errors;
}

function sshTarget(core: Core, source: Endpoint, text: string): Endpoint | string {
  const selector = parseSelector(text);
  if (selector.kind === 'autogroup' && selector.name === 'autogroup:self') {
    return source.user === undefined ? 'the source is no user' : source;
  }
  // Recorded: the service takes an IPv4 address here and fails on an IPv6 one.
  if (selector.kind === 'prefix' && selector.prefix.addr.family === 6)
    return 'IPv6 addresses can not be tested';
  const target = endpointOfSelector(core, selector, {});
  if (typeof target === 'string') return target;
  const literal = selector.kind === 'host' || selector.kind === 'prefix';
  return literal && target.device === undefined ? 'no device has this address' : target;
}

type SshAccess = 'accept' | 'check' | 'deny';

/**
 * The strictest way in which SSH rules let a login in; check wins over accept. The rules are gone through once for all
 * logins, as a test may hold thousands of them.
 */
function sshAccess(core: Core, source: Endpoint, target: Endpoint): (login: string) => SshAccess {
  const named = new Map<string, SshAccess>();
  let nonroot: SshAccess = 'deny';
  let local: SshAccess = 'deny';
  const at = source.user?.login.lastIndexOf('@') ?? -1;
  const localpart = source.user?.login.slice(0, at);
  const domain = source.user?.login.slice(at + 1);
  for (const { spec } of core.program().sshUnits.values()) {
    if (!sshLeads(spec, source, target)) continue;
    const access = spec.check ? 'check' : 'accept';
    for (const user of spec.users) {
      named.set(user, stricter(named.get(user) ?? 'deny', access));
      if (user === 'autogroup:nonroot') nonroot = stricter(nonroot, access);
      if (domain !== undefined && localpartDomain(user) === domain) local = stricter(local, access);
    }
  }
  return (login) => {
    if (login === '') return 'deny';
    let found = named.get(login) ?? 'deny';
    if (login !== 'root') found = stricter(found, nonroot);
    return login === localpart ? stricter(found, local) : found;
  };
}

const stricter = (a: SshAccess, b: SshAccess): SshAccess => (a === 'check' || b === 'deny' ? a : b);
