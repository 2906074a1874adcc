/**
 * Whether a policy file may be saved: its shape, its names, and its own tests, which are about the file alone (access edges
 * and network roles only add to it, and have checks of their own).
 */
import type { Group } from '../domain/model/people.ts';
import { loginName } from '../domain/organizations/names.ts';
import type { PolicyChecker, PolicyProblem, PolicyReport } from '../domain/policy-file/policy-checker.ts';
import type { DeviceRow } from '../domain/ports/queries.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import {
  createPolicyEngine,
  DEFAULT_SETTINGS,
  type DeviceInput,
  type Policy,
  type PolicyEngine,
  PolicyError,
  parsePolicy,
  parseTestList,
  policyWarnings,
  preview,
  runSshTests,
  runTests,
  type TestFailure,
  type UserInput,
  type ValidationContext,
  validatePolicy,
} from '../policy/index.ts';

/** What the service says when tests fail; tools look for it. */
const TESTS_FAILED = 'test(s) failed';
const MAX_MEMBERS = 100_000;

const NO_PROBLEM: PolicyReport = { problem: null, warnings: [] };

const report = (problem: PolicyProblem): PolicyReport => ({ problem, warnings: [] });

/** The program's own failures pass; only what is wrong with the file becomes an answer. */
function problemOf(error: unknown): PolicyReport {
  if (!(error instanceof PolicyError)) throw error;
  const { message, line, column } = error;
  return report({
    message,
    ...(line === undefined || column === undefined ? {} : { place: { line, column } }),
  });
}

function failed(failures: readonly TestFailure[]): PolicyReport {
  const [first] = failures;
  if (first === undefined) return NO_PROBLEM;
  const findings = failures.map(({ user, errors, place }) => ({ user, errors, place }));
  return report({ message: TESTS_FAILED, place: first.place, findings });
}

interface People {
  readonly users: readonly UserInput[];
  readonly domains: readonly string[];
  readonly context: ValidationContext;
}

export function createPolicyChecker({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): PolicyChecker {
  const loadPeople = async (org: number): Promise<People> => {
    const [organization, members, groups] = await Promise.all([
      store.get('organization', INSTALLATION, org),
      store.find('membership', org, {}, MAX_MEMBERS),
      store.find('group', org, {}, MAX_MEMBERS),
    ]);
    const domains = [...new Set([organization?.tailnetName ?? '', ...(organization?.domains ?? [])])].filter(
      Boolean,
    );
    const users = members.map((member) => ({
      id: member.id,
      login: loginName(member).toLowerCase(),
      role: member.role,
      suspended: member.suspendedAt !== null,
    }));
    const logins = new Set(users.map(({ login }) => login));
    return {
      users,
      domains,
      context: {
        domains: new Set(domains),
        directoryGroups: (name) => groupsNamed(groups, domains, name),
        hasUser: (login) => logins.has(login.toLowerCase()),
      },
    };
  };

  /** An engine that knows the file, the people and the devices, and nothing else that opens a way. */
  const engineFor = async (org: number, policy: Policy, people: People): Promise<PolicyEngine> => {
    const engine = createPolicyEngine({ policy, settings: { ...DEFAULT_SETTINGS, domains: people.domains } });
    const devices = await store.queries.devices(org, { filters: [], detailed: false, now: clock.now() });
    engine.applyAll([
      ...people.users.map((user) => ({ kind: 'user' as const, user })),
      ...devices.map((device) => ({ kind: 'device' as const, device: deviceInput(device) })),
    ]);
    return engine;
  };

  return {
    check: async (text, { org }) => {
      try {
        const policy = parsePolicy(text);
        const people = await loadPeople(org);
        validatePolicy(policy, people.context);
        const warnings = policyWarnings(policy, people.context);
        const passed =
          warnings.length === 0
            ? NO_PROBLEM
            : { problem: null, warnings: [{ user: '', errors: [], warnings }] };
        if (policy.tests.length + policy.sshTests.length === 0) return passed;
        const { core } = await engineFor(org, policy, people);
        const failures = [...runTests(core), ...runSshTests(core)];
        return failures.length === 0 ? passed : failed(failures);
      } catch (error) {
        return problemOf(error);
      }
    },

    runTests: async (text, tests, { org }) => {
      try {
        const people = await loadPeople(org);
        const { core } = await engineFor(org, parsePolicy(text), people);
        return failed(runTests(core, parseTestList(tests)));
      } catch (error) {
        return problemOf(error);
      }
    },

    preview: async (text, { type, of }, { org }) => {
      try {
        const policy = parsePolicy(text);
        const people = await loadPeople(org);
        validatePolicy(policy, people.context);
        const { core } = await engineFor(org, policy, people);
        return { problem: null, matches: preview(core, type, of) };
      } catch (error) {
        return { problem: problemOf(error).problem, matches: [] };
      }
    },
  };
}

/** `group:<key>@<domain>`, for any domain of the organization. */
function groupsNamed(
  groups: readonly Group[],
  domains: readonly string[],
  name: string,
): { id: number; label: string }[] {
  return groups
    .filter(({ key }) => domains.some((domain) => name === `group:${key}@${domain}`))
    .map((group) => ({ id: group.id, label: group.name }));
}

function deviceInput(device: DeviceRow): DeviceInput {
  const { id, owner: ownerId, ownerKind } = device;
  const owner: DeviceInput['owner'] =
    ownerKind === 'membership'
      ? { kind: 'membership', id: ownerId }
      : ownerKind === 'service_account'
        ? { kind: 'service-account', id: ownerId }
        : ownerKind === 'gateway'
          ? { kind: 'gateway', id: ownerId }
          : { kind: 'tags' };
  return {
    id,
    owner,
    tags: device.tags,
    addresses: device.addresses,
    advertised: [],
    approved: [],
    attributes: {},
    class: ownerKind === 'gateway' || ownerKind === 'service_account' ? 'edge-only' : 'normal',
    authorized: device.authorized,
  };
}
