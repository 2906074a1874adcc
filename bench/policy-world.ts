/** A synthetic organization: a policy with many rules, and devices spread over its users and tags. */
import type { Change, DeviceInput, UserInput } from '../src/policy/index.ts';

export interface WorldSize {
  readonly rules: number;
  readonly users: number;
  readonly tags: number;
  readonly groups: number;
  readonly hosts: number;
}

export const STANDARD: WorldSize = { rules: 500, users: 200, tags: 50, groups: 40, hosts: 100 };

/** A small generator with a fixed seed, so that every run measures the same work. */
function seeded(seed: number): (below: number) => number {
  // Neighbouring seeds must not give neighbouring numbers.
  let state = Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) >>> 0;
  state ^= state >>> 13;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const user = (i: number): string => `u${String(i).padStart(3, '0')}@example.com`;
const tag = (i: number): string => `tag:t${String(i).padStart(2, '0')}`;
const group = (i: number): string => `group:g${String(i).padStart(2, '0')}`;
const host = (i: number): string => `host-${String(i).padStart(3, '0')}`;

const PORTS = ['22', '443', '80,443', '5432', '8000-8100', '53', '*', '3389', '9090,9100', '6379'];

/** Policy text of `rules` access rules in the mix that load tests use: half the sources are groups, half the targets tags. */
export function policyText(size: WorldSize, seed = 1): string {
  const pick = seeded(seed);
  const groups = Object.fromEntries(
    Array.from({ length: size.groups }, (_, g) => [
      group(g),
      [...new Set(Array.from({ length: 3 + pick(10) }, () => user(pick(size.users))))],
    ]),
  );
  const tagOwners = Object.fromEntries(
    Array.from({ length: size.tags }, (_, t) => [tag(t), [group(t % size.groups)]]),
  );
  const hosts = Object.fromEntries(
    Array.from({ length: size.hosts }, (_, h) => [
      host(h),
      h % 2 === 0 ? `10.${16 + (h >> 8)}.${h % 256}.0/24` : `192.168.${Math.floor(h / 200)}.${1 + (h % 200)}`,
    ]),
  );
  const src = (): string => {
    const n = pick(20);
    if (n < 10) return group(pick(size.groups));
    if (n < 14) return tag(pick(size.tags));
    if (n < 18) return user(pick(size.users));
    return n < 19 ? host(pick(size.hosts)) : 'autogroup:tagged';
  };
  const dst = (): string => {
    const n = pick(20);
    const ports = PORTS[pick(PORTS.length)];
    if (n < 11) return `${tag(pick(size.tags))}:${ports}`;
    if (n < 15) return `${host(pick(size.hosts))}:${ports}`;
    return n < 18 ? `${group(pick(size.groups))}:${ports}` : `${user(pick(size.users))}:${ports}`;
  };
  const acls = Array.from({ length: size.rules }, (_, i) => ({
    action: 'accept',
    ...(i % 7 === 3 ? { proto: ['tcp', 'udp'][pick(2)] } : {}),
    src: Array.from({ length: 1 + pick(3) }, src),
    dst: Array.from({ length: 1 + pick(3) }, dst),
  }));
  return JSON.stringify({ groups, tagOwners, hosts, acls }, null, '\t');
}

const users = (size: WorldSize): UserInput[] =>
  Array.from({ length: size.users }, (_, i) => ({
    id: i + 1,
    login: user(i),
    role: i === 0 ? 'owner' : 'member',
  }));

export const userChanges = (size: WorldSize): Change[] =>
  users(size).map((one) => ({ kind: 'user', user: one }));

/** Every third device is tagged, every 25th routes a subnet. */
export function device(size: WorldSize, i: number): DeviceInput {
  const pick = seeded(i + 17);
  const tagged = i % 3 === 0;
  const routes = i % 25 === 0 ? [`10.16.${i % 256}.0/24`] : [];
  return {
    id: 10_000 + i,
    owner: tagged ? { kind: 'tags' } : { kind: 'membership', id: 1 + pick(size.users) },
    tags: tagged ? [tag(pick(size.tags))] : [],
    addresses: [
      `100.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`,
      `fd7a:115c:a1e0::${(i + 1).toString(16)}`,
    ],
    advertised: routes,
    approved: routes,
    attributes: {},
    class: 'normal',
    authorized: true,
  };
}
