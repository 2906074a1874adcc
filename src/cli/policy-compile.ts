/**
 * `holdfast policy compile --jsonl`: compiles recorded cases (one JSON object a line: a policy file, people, devices) to
 * what each device receives. It touches no database; the recorded answers of the real service are compared with it.
 */
import {
  autoApproved,
  createPolicyEngine,
  DEFAULT_SETTINGS,
  type DeviceInput,
  type Policy,
  type PolicyEngine,
  PolicyError,
  parsePolicy,
  runSshTests,
  runTests,
  type SshRuleOutput,
  type UserInput,
  validatePolicy,
} from '../policy/index.ts';

interface CaseNode {
  readonly hostname: string;
  readonly tags?: readonly string[] | null;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly user?: string;
  readonly routable_ips?: readonly string[] | null;
  readonly approved_routes?: readonly string[] | null;
}

interface Case {
  readonly id: string;
  readonly input: {
    readonly policy: string;
    readonly domain: string;
    readonly users: readonly { readonly id: number; readonly name: string; readonly email: string }[];
    readonly nodes: Readonly<Record<string, CaseNode>>;
  };
}

/** Writes one result line for each case line. */
export async function compileJsonl(
  input: AsyncIterable<string>,
  write: (line: string) => void,
): Promise<void> {
  for await (const line of input) {
    if (line.trim() === '') continue;
    write(`${JSON.stringify(compileCase(JSON.parse(line)))}\n`);
  }
}

function compileCase(one: Case): unknown {
  const names = Object.keys(one.input.nodes);
  const users = usersOf(one);
  const domain = one.input.domain.slice(one.input.domain.lastIndexOf('@') + 1).toLowerCase();
  try {
    const policy = parsePolicy(one.input.policy);
    const logins = new Set(users.map((user) => user.login));
    validatePolicy(policy, {
      domains: new Set([domain]),
      directoryGroups: () => [],
      hasUser: (login) => logins.has(login),
    });
    const engine = createPolicyEngine({ policy, settings: { ...DEFAULT_SETTINGS, domains: [domain] } });
    for (const user of users) engine.apply({ kind: 'user', user });
    const ids = new Map(registrationOrder(one).map((name, i) => [name, i + 1]));
    engine.applyAll(
      names.map((name) => ({ kind: 'device', device: deviceOf(one, name, ids, users, policy) })),
    );
    electPrimaries(engine, ids);
    const [failure] = [...runTests(engine.core), ...runSshTests(engine.core)];
    if (failure !== undefined) throw new PolicyError('test(s) failed', failure.place);
    const nodes = names.map((name) => [name, nodeResult(engine, ids.get(name) ?? 0, ids)]);
    return { id: one.id, status: 200, nodes: Object.fromEntries(nodes) };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const { status, message, line, column } = error;
    return { id: one.id, status, message, line, column };
  }
}

/** The first user owns the organization; the others administer it, as in the organization that was recorded. */
function usersOf(one: Case): UserInput[] {
  return one.input.users.map(({ id, name, email }, i) => ({
    id: id + 1,
    login: (email || `${name}@local`).toLowerCase(),
    role: i === 0 ? 'owner' : 'admin',
  }));
}

function deviceOf(
  one: Case,
  name: string,
  ids: ReadonlyMap<string, number>,
  users: readonly UserInput[],
  policy: Policy,
): DeviceInput {
  const node = one.input.nodes[name];
  if (node === undefined) throw new Error(`no node ${name}`);
  const owner = users[one.input.users.findIndex((user) => user.name === node.user)];
  const tags = node.tags ?? [];
  const advertised = node.routable_ips ?? [];
  const auto = autoApproved(policy, { ...owner, tags, addresses: [node.ipv4, node.ipv6] }, advertised);
  return {
    id: ids.get(name) ?? 0,
    owner: owner === undefined ? { kind: 'tags' } : { kind: 'membership', id: owner.id },
    tags,
    addresses: [node.ipv4, node.ipv6],
    advertised,
    approved: [...new Set([...(node.approved_routes ?? []), ...auto])],
    attributes: {},
    class: 'normal',
    authorized: true,
  };
}

/**
 * Of several routers of a prefix the one that registered first carries it, but the cases do not say who that was. This
 * order is a stand-in: more advertised prefixes first, then the shorter name, then the alphabet.
 */
function registrationOrder(one: Case): string[] {
  const routes = (name: string): number => one.input.nodes[name]?.routable_ips?.length ?? 0;
  return Object.keys(one.input.nodes).sort(
    (a, b) => routes(b) - routes(a) || a.length - b.length || (a < b ? -1 : 1),
  );
}

function electPrimaries(engine: PolicyEngine, ids: ReadonlyMap<string, number>): void {
  const taken = new Set<string>();
  for (const device of [...ids.values()].sort((a, b) => a - b)) {
    for (const prefix of engine.self(device).allowedIPs) {
      if (taken.has(prefix)) continue;
      taken.add(prefix);
      engine.apply({ kind: 'primary', primary: { network: 0, prefix, device } });
    }
  }
}

function nodeResult(engine: PolicyEngine, id: number, ids: ReadonlyMap<string, number>): unknown {
  const nameOf = new Map([...ids].map(([name, device]) => [device, name]));
  const peers = engine.peers(id).map((peer) => [nameOf.get(peer), engine.view(id, peer)]);
  return {
    packetFilter: engine.filter(id).rules,
    sshRules: engine.ssh(id).rules.map(sshRule),
    self: engine.self(id),
    peers: Object.fromEntries(peers),
  };
}

/** Where a client asks whether a login may go on; recordings have a placeholder for the host. */
const CHECK_URL = 'https://unused/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER';

function sshRule({ principals, sshUsers, acceptEnv, check }: SshRuleOutput): unknown {
  const action = check
    ? { holdAndDelegate: CHECK_URL }
    : {
        accept: true,
        allowAgentForwarding: true,
        allowLocalPortForwarding: true,
        allowRemotePortForwarding: true,
      };
  return { principals, sshUsers, action, ...(acceptEnv.length > 0 ? { acceptEnv } : {}) };
}
