/** Random organizations: small pools of names, so that rules meet devices often. */
import fc from 'fast-check';
import type {
  Change,
  DeviceInput,
  EdgeInput,
  GatewayInput,
  GroupInput,
  NetworkInput,
  NetworkRoleInput,
  ResourceInput,
  UserInput,
} from '../../src/policy/index.ts';

const LOGINS = ['ann@a.test', 'bob@a.test', 'cid@b.test', 'dot@a.test'];
const TAGS = ['tag:x', 'tag:y', 'tag:z'];
const HOSTS: Record<string, string> = {
  'dev-1': '100.64.0.1',
  'dev-2': 'fd7a:115c:a1e0::2',
  net: '10.1.0.0/16',
  wide: '10.0.0.0/8',
  half: '100.64.0.0/30',
  pub: '8.8.8.0/24',
};
const PREFIXES = ['10.1.0.0/16', '10.1.2.0/24', '10.2.0.0/16', 'fd00:1::/64', '0.0.0.0/0', '::/0'];
const POSTURES = { 'posture:linux': ["node:os == 'linux'"], 'posture:new': ["node:tsVersion >= '1.60'"] };
const DEVICES = 6;

const some = <T>(values: readonly T[], max = 2): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: max });
const few = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { maxLength: 2 });

const PEOPLE = [
  'group:one',
  'group:two',
  'group:none',
  ...LOGINS,
  'autogroup:member',
  'autogroup:admin',
  'user:*@a.test',
];
const SRC = [
  '*',
  'autogroup:danger-all',
  'autogroup:tagged',
  'tag:hf-net-dc',
  ...PEOPLE,
  ...TAGS,
  ...Object.keys(HOSTS),
  '100.64.0.3',
  '10.1.2.0/24',
  'ipset:mix',
];
const DST = [
  '*',
  'autogroup:tagged',
  'autogroup:internet',
  ...PEOPLE,
  ...TAGS,
  ...Object.keys(HOSTS),
  '100.64.0.4',
  '10.1.2.0/24',
  'ipset:mix',
];
const IP = ['*', '22', '80-90', 'tcp:443', 'udp:53', 'icmp:*'];

const plainGrant = fc.record(
  {
    src: some(SRC, 3),
    dst: some(DST, 3),
    ip: some(IP),
    srcPosture: fc.constantFrom(['posture:linux'], ['posture:new'], ['posture:linux', 'posture:new']),
  },
  { requiredKeys: ['src', 'dst', 'ip'] },
);
const selfGrant = fc.record({ src: some(PEOPLE), dst: fc.constant(['autogroup:self']), ip: some(IP) });
const viaGrant = fc.record({
  src: some(SRC),
  dst: some(['net', 'wide', '10.1.2.0/24', 'autogroup:internet']),
  ip: some(IP),
  via: some(TAGS),
});
const appGrant = fc.record({
  src: some(SRC),
  dst: some(DST.filter((name) => name !== 'autogroup:internet')),
  app: fc.constantFrom(
    { 'a.test/cap/x': [{ level: 1 }] },
    // These two are one number to JavaScript.
    { 'a.test/cap/x': [{ level: JSON.rawJSON('9007199254740992') }] },
    { 'a.test/cap/x': [{ level: JSON.rawJSON('9007199254740993') }] },
    { 'tailscale.com/cap/drive': [{ access: 'rw' }] },
  ),
});
const acl = fc.record(
  {
    action: fc.constant('accept'),
    src: some(SRC, 3),
    dst: some(
      DST.map((name) => (name.includes(':') && /^fd/.test(name) ? `[${name}]` : name)),
      3,
    ).chain((hosts) =>
      fc
        .constantFrom('*', '22', '80,443', '1000-2000')
        .map((ports) => hosts.map((host) => `${host}:${ports}`)),
    ),
    proto: fc.constantFrom('tcp', 'udp'),
  },
  { requiredKeys: ['action', 'src', 'dst'] },
);
const ssh = fc.oneof(
  fc.record({
    action: fc.constantFrom('accept', 'check'),
    src: some([...PEOPLE.filter((name) => name !== 'autogroup:admin'), ...TAGS]),
    dst: some(TAGS),
    users: some(['root', 'ubuntu', 'autogroup:nonroot', 'localpart:*@a.test'], 3),
  }),
  fc.record({
    action: fc.constantFrom('accept', 'check'),
    src: fc.constant(['autogroup:member']),
    dst: fc.constant(['autogroup:self']),
    users: some(['root', 'autogroup:nonroot']),
  }),
);
const nodeAttr = fc.record({
  target: some(['*', 'autogroup:member', 'autogroup:tagged', ...TAGS, ...LOGINS, 'dev-1']),
  attr: some(['funnel', 'disable-ipv4', 'randomize-client-port']),
});

/** A policy file as JSON text; some have no rules at all, which allows everything. */
export const policyText: fc.Arbitrary<string> = fc
  .record({
    groups: fc.record({ 'group:one': few(LOGINS), 'group:two': few(LOGINS), 'group:none': fc.constant([]) }),
    rules: fc.option(
      fc.record({
        acls: fc.array(acl, { maxLength: 3 }),
        grants: fc.array(fc.oneof(plainGrant, plainGrant, selfGrant, viaGrant, appGrant), { maxLength: 4 }),
      }),
      { freq: 8 },
    ),
    ssh: fc.array(ssh, { maxLength: 2 }),
    nodeAttrs: fc.array(nodeAttr, { maxLength: 2 }),
    posture: fc.constantFrom([], [], [], ['posture:linux']),
  })
  .map(({ groups, rules, ssh: sshRules, nodeAttrs, posture }) =>
    JSON.stringify({
      groups,
      hosts: HOSTS,
      tagOwners: Object.fromEntries(TAGS.map((tag) => [tag, ['autogroup:admin']])),
      ipsets: { 'ipset:mix': ['add 100.64.0.0/31', 'add host:net', 'remove 10.1.2.0/24'] },
      postures: POSTURES,
      ...(posture.length > 0 ? { defaultSrcPosture: posture } : {}),
      ...(rules ?? {}),
      ssh: sshRules,
      nodeAttrs,
    }),
  );

const user: fc.Arbitrary<UserInput> = fc.nat(LOGINS.length - 1).chain((i) =>
  fc.record({
    id: fc.constant(i + 1),
    login: fc.constant(LOGINS[i] ?? ''),
    role: fc.constantFrom('owner', 'admin', 'member', 'auditor'),
    suspended: fc.boolean().map((yes) => yes && i === 3),
  }),
);

const gatewayOwner = { kind: 'gateway', id: 71 } as const;

/** Somebody of another organization with whom devices are shared. */
const STRANGER = 901;

const GUEST = DEVICES + 1;
const SHARED_IN = DEVICES + 2;

/** A device is of this organization or of another for as long as it lives. */
function sharingOf(id: number, sharing: string, owner: DeviceInput['owner']): Partial<DeviceInput> {
  if (id === GUEST) {
    const login = sharing === 'given' ? {} : { externalLogin: LOGINS[1] ?? '' };
    return { external: 'guest', recipient: STRANGER, ...login };
  }
  if (id === SHARED_IN) {
    const audience = [{ user: 1, exit: sharing === 'given-exit' }];
    if (sharing === 'given') return { external: 'both', audience, recipient: STRANGER };
    return { external: 'shared-in', audience, ...(sharing === '' ? {} : { externalLogin: LOGINS[1] ?? '' }) };
  }
  if (sharing === 'recipient' && owner.kind === 'membership') return { recipient: owner.id };
  if (sharing === 'given') return { audience: [{ user: STRANGER, exit: false }] };
  return sharing === 'given-exit' ? { audience: [{ user: STRANGER, exit: true }] } : {};
}

/** Where a device is, where routes follow regions: its home region and others by nearness. */
type Place = Pick<DeviceInput, 'regions' | 'online'>;
const somewhere: fc.Arbitrary<Place> = fc.record({
  regions: fc.uniqueArray(fc.constantFrom(1, 2, 3), { minLength: 1, maxLength: 3 }),
  online: fc.constantFrom(true, true, false),
});
const place = fc.oneof(fc.constant<Place>({}), somewhere);

const device: fc.Arbitrary<DeviceInput> = fc.integer({ min: 1, max: SHARED_IN }).chain((i) =>
  fc
    .record({
      owner: fc.oneof(
        { weight: 4, arbitrary: fc.nat(3).map((u) => ({ kind: 'membership' as const, id: u + 1 })) },
        { weight: 2, arbitrary: fc.constant({ kind: 'tags' as const }) },
        { weight: 1, arbitrary: fc.constant({ kind: 'service-account' as const, id: 81 }) },
        { weight: 1, arbitrary: fc.constant(gatewayOwner) },
      ),
      tags: some(TAGS),
      shift: fc.constantFrom(0, 0, 0, 20),
      advertised: few(PREFIXES),
      approved: few(PREFIXES),
      os: fc.constantFrom('linux', 'macOS'),
      version: fc.constantFrom('1.58.2', '1.60', '1.100.1'),
      authorized: fc.constantFrom(true, true, true, false),
      sharing: fc.constantFrom('', '', '', 'recipient', 'given', 'given-exit'),
      at: place,
    })
    .map(({ owner: drawn, tags, shift, advertised, approved, os, version, authorized, sharing, at }) => {
      const owner = i > DEVICES ? { kind: 'membership' as const, id: STRANGER } : drawn;
      const edgeOnly = owner.kind === 'gateway' || owner.kind === 'service-account';
      const prefix = edgeOnly ? '100.127.0.' : '100.64.0.';
      return {
        id: i,
        owner,
        tags: owner.kind === 'tags' ? tags : [],
        addresses: [`${prefix}${i + shift}`, `fd7a:115c:a1e0::${(i + shift).toString(16)}`],
        advertised,
        approved: approved.concat(advertised.slice(0, 1)),
        attributes: { 'node:os': os, 'node:tsVersion': version },
        class: edgeOnly ? ('edge-only' as const) : ('normal' as const),
        authorized,
        ...sharingOf(i, sharing, owner),
        ...(i > DEVICES ? {} : at),
      };
    }),
);

export const locatedDevice: fc.Arbitrary<DeviceInput> = fc
  .tuple(device, somewhere)
  .map(([one, at]) => (one.external === undefined ? { ...one, ...at } : one));

/** Two networks, so that equal prefixes of both compete. */
const NETWORKS = [61, 62];
const network: fc.Arbitrary<NetworkInput> = fc
  .constantFrom(...NETWORKS)
  .map((id) => ({ id, slug: `dc-${id}`, active: true }));
const gateway: fc.Arbitrary<GatewayInput> = fc
  .tuple(fc.option(fc.integer({ min: 1, max: DEVICES }), { nil: undefined }), fc.constantFrom(71, 71, 72, 73))
  .map(([device, id]) => ({
    id,
    network: id === 73 ? 62 : 61,
    device,
    ...(id === 71 ? { clientAddresses: ['10.9.0.7'] } : {}),
  }));
const group: fc.Arbitrary<GroupInput> = fc.record({
  id: fc.constant(51),
  key: fc.constant('ops'),
  label: fc.constant('Ops'),
  active: fc.constantFrom(true, true, false),
  members: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }),
});
const resource: fc.Arbitrary<ResourceInput> = fc.integer({ min: 41, max: 43 }).chain((id) =>
  fc.record({
    id: fc.constant(id),
    network: fc.constantFrom(61, 61, 62),
    active: fc.constantFrom(true, true, true, false),
    address: fc.constantFrom('10.1.2.9', '10.5.0.0/24', '10.5.0.7', 'db.internal', '*.internal'),
    // Of an address this says nothing.
    resolved: fc.constantFrom([], ['10.5.0.8'], ['10.1.2.9', '10.5.0.8']),
    protocols: fc.record({
      icmp: fc.boolean(),
      tcp: fc.constantFrom('all' as const, [{ start: 443, end: 443 }], []),
      udp: fc.constantFrom('all' as const, []),
    }),
    networkWide: fc.boolean(),
  }),
);
const edge: fc.Arbitrary<EdgeInput> = fc.integer({ min: 31, max: 33 }).chain((id) =>
  fc.record(
    {
      id: fc.constant(id),
      resource: fc.integer({ min: 41, max: 43 }),
      principal: fc.constantFrom(
        { kind: 'group' as const, id: 51 },
        { kind: 'service-account' as const, id: 81 },
      ),
      conditions: fc.constant(["node:os == 'linux'"]),
    },
    { requiredKeys: ['id', 'resource', 'principal'] },
  ),
);
const role: NetworkRoleInput = { id: 21, group: 51, network: undefined };

export const primary: fc.Arbitrary<Change> = fc
  .record({
    prefix: fc.constantFrom(...PREFIXES),
    device: fc.option(fc.integer({ min: 1, max: DEVICES }), { nil: undefined }),
  })
  .map((one) => ({ kind: 'primary', primary: { network: 0, ...one } }));

const resourcePrimary: fc.Arbitrary<Change> = fc
  .record({
    network: fc.constantFrom(...NETWORKS),
    prefix: fc.constantFrom('10.1.2.9/32', '10.5.0.0/24', '10.5.0.8/32'),
    device: fc.option(fc.integer({ min: 1, max: DEVICES }), { nil: undefined }),
  })
  .map((one) => ({ kind: 'primary', primary: one }));

export const networkChange: fc.Arbitrary<Change> = fc.oneof(
  gateway.map((one): Change => ({ kind: 'gateway', gateway: one })),
  group.map((one): Change => ({ kind: 'group', group: one })),
  resource.map((one): Change => ({ kind: 'resource', resource: one })),
  edge.map((one): Change => ({ kind: 'edge', edge: one })),
  fc.constantFrom(31, 32).map((id): Change => ({ kind: 'edge-removed', id })),
  network.map((one): Change => ({ kind: 'network', network: one })),
  fc.constant<Change>({ kind: 'role', role }),
  fc.constant<Change>({ kind: 'role-removed', id: 21 }),
  resourcePrimary,
);

export const deviceChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: device.map((one): Change => ({ kind: 'device', device: one })) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: SHARED_IN }).map((id): Change => ({ kind: 'device-removed', id })),
  },
  { weight: 2, arbitrary: user.map((one): Change => ({ kind: 'user', user: one })) },
  { weight: 2, arbitrary: primary },
);

/** Everybody, and a few devices to begin with. */
export const startChanges: fc.Arbitrary<Change[]> = fc
  .array(device, { minLength: 2, maxLength: 6 })
  .map((devices) => [
    ...LOGINS.map(
      (login, i): Change => ({
        kind: 'user',
        user: { id: i + 1, login, role: i === 0 ? 'owner' : 'member' },
      }),
    ),
    ...devices.map((one): Change => ({ kind: 'device', device: one })),
  ]);
