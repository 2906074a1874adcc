import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  brokenDenials,
  type Change,
  createPolicyEngine,
  DEFAULT_SETTINGS,
  type DeviceInput,
  EMPTY_CONTEXT,
  parsePolicy,
  runSshTests,
  runTests,
  validatePolicy,
} from '../../src/policy/index.ts';
import { parseSelector } from '../../src/policy/parse/selector.ts';
import { deviceChange, networkChange, policyText, startChanges } from './policy-arbitraries.ts';
import { type NaiveWorld, worldAfter } from './policy-naive.ts';
import { edgeOpens, isAllowed, type Subject, sshAccess, subjectOf } from './policy-naive-tests.ts';

const RUNS = process.env.HOLDFAST_LONG === '1' ? 10_000 : 1_000;
const settings = { ...DEFAULT_SETTINGS, domains: ['a.test'] };

const PLACES = ['dev-1', 'dev-2', '100.64.0.2', '100.64.0.3', '100.64.0.4', '100.127.0.5', '100.64.0.99'];
const OUTSIDE = ['10.1.2.9', '10.1.77.1', '10.5.0.7', '8.8.8.8', '1.1.1.1', '192.168.0.1'];
const TAGS = ['tag:x', 'tag:y', 'tag:z'];
const LOGINS = ['ann@a.test', 'bob@a.test', 'cid@b.test', 'dot@a.test'];
const PEOPLE = [...LOGINS, 'group:one', 'group:two', 'autogroup:member', 'autogroup:admin', 'user:*@a.test'];
const SOURCES = [...PEOPLE, ...PEOPLE, ...TAGS, 'autogroup:tagged', ...PLACES, ...OUTSIDE];
const PORTS = [21, 22, 53, 79, 80, 85, 90, 91, 443, 999, 1000, 1500, 2000, 2001, 65_535];
const PROTOCOLS = { '': [6, 17], tcp: [6], udp: [17], icmp: [1], gre: [47] } as const;
const SSH_LOGINS = ['root', 'ubuntu', 'ann', 'cid', 'someone'];

const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 4 });
const attributes = fc.constantFrom<DeviceInput['attributes'] | undefined>(
  undefined,
  { 'node:os': 'linux' },
  { 'node:os': 'linux', 'node:tsVersion': '1.60.1' },
  { 'node:tsVersion': '1.58.2' },
);
const address = fc
  .tuple(fc.constantFrom(...TAGS, ...PLACES, ...OUTSIDE), fc.constantFrom(...PORTS))
  .map(([host, port]) => ({ host, port }));
const asked = fc.record({
  src: fc.constantFrom(...SOURCES),
  proto: fc.constantFrom<keyof typeof PROTOCOLS>('', '', 'tcp', 'udp', 'icmp', 'gre'),
  dst: fc.array(address, { minLength: 1, maxLength: 6 }),
  attributes,
});
const askedSsh = fc.record({
  src: fc.constantFrom(...PEOPLE, ...TAGS),
  dst: some([...TAGS, 'autogroup:self']),
  logins: some(SSH_LOGINS),
  attributes,
});

type Asked<T> = T extends fc.Arbitrary<infer U> ? U : never;
const given = (srcPostureAttrs: Asked<typeof attributes>): object =>
  srcPostureAttrs === undefined ? {} : { srcPostureAttrs };

/** Every destination is wanted once each way, so exactly one of both fails. */
const testOf = ({ src, proto, dst, attributes: own }: Asked<typeof asked>): object => {
  const texts = dst.map(({ host, port }) => `${host}:${port}`);
  return { src, accept: texts, deny: texts, ...(proto === '' ? {} : { proto }), ...given(own) };
};
const sshTestOf = ({ src, dst, logins, attributes: own }: Asked<typeof askedSsh>): object => ({
  ...{ src, dst, accept: logins, check: logins, deny: logins },
  ...given(own),
});

/** Texts of failing destinations of one test, in the order in which they are told. */
function expected(world: NaiveWorld, { src, proto, dst, attributes: own }: Asked<typeof asked>): string[] {
  const source = subjectOf(world.policy, parseSelector(src), own);
  const verdicts = dst.map(({ host, port }) => {
    const target = subjectOf(world.policy, parseSelector(host));
    const yes = PROTOCOLS[proto].some((protocol) => isAllowed(world, { source, target, protocol, port }));
    return { text: `${host}:${port}`, yes };
  });
  return [
    ...verdicts.filter(({ yes }) => !yes).map(({ text }) => `address "${text}": want: Accept, got: Drop`),
    ...verdicts.filter(({ yes }) => yes).map(({ text }) => `address "${text}": want: Drop, got: Accept`),
  ];
}

function expectedSsh(
  world: NaiveWorld,
  { src, dst, logins, attributes: own }: Asked<typeof askedSsh>,
): string[] {
  const source = subjectOf(world.policy, parseSelector(src), own);
  return dst.flatMap((text) => {
    const self = text === 'autogroup:self';
    if (self && !LOGINS.includes(src)) return [`dst "autogroup:self": the source is no user`];
    const target: Subject = self ? source : subjectOf(world.policy, parseSelector(text));
    const found = logins.map((login) => [login, sshAccess(world, source, target, login)] as const);
    const tell = (want: string, fails: (got: string) => boolean): string[] =>
      found
        .filter(([, got]) => fails(got))
        .map(([login, got]) => `${login} at "${text}": want: ${want}, got: ${got}`);
    return [
      ...tell('accept', (got) => got === 'deny'),
      ...tell('check', (got) => got !== 'check'),
      ...tell('deny', (got) => got !== 'deny'),
    ];
  });
}

/** Tests are about rules: who may not sign in at the moment, and which device waits for approval, is beside the point. */
function awake(change: Change): Change {
  if (change.kind === 'device') return { ...change, device: { ...change.device, authorized: true } };
  return change.kind === 'user' ? { ...change, user: { ...change.user, suspended: false } } : change;
}

const ALL = { icmp: true, tcp: 'all', udp: 'all' } as const;
const ONE_PORT = { icmp: false, tcp: [{ start: 443, end: 443 }], udp: [] } as const;
/** Edges that open something, before random changes. */
const OPEN: readonly Change[] = [
  { kind: 'network', network: { id: 61, slug: 'dc-61', active: true } },
  { kind: 'group', group: { id: 51, key: 'ops', label: 'Ops', active: true, members: [1, 3] } },
  ...([ALL, ONE_PORT] as const).map((protocols, i): Change => {
    const address = ['10.5.0.0/24', '10.1.2.9'][i] ?? '';
    return {
      kind: 'resource',
      resource: { id: 41 + i, network: 61, active: true, address, protocols, networkWide: false },
    };
  }),
  { kind: 'edge', edge: { id: 31, resource: 41, principal: { kind: 'group', id: 51 } } },
  { kind: 'edge', edge: { id: 32, resource: 42, principal: { kind: 'service-account', id: 81 } } },
  {
    kind: 'edge',
    edge: { id: 33, resource: 42, principal: { kind: 'group', id: 51 }, conditions: ["node:os == 'linux'"] },
  },
];

describe('the tests of a policy and the language by its definition', () => {
  it('come to the same verdicts', () => {
    const seen = { Accept: 0, Drop: 0, accept: 0, check: 0, deny: 0 };
    fc.assert(
      fc.property(
        policyText,
        fc.array(asked, { minLength: 1, maxLength: 6 }),
        fc.array(askedSsh, { maxLength: 3 }),
        startChanges,
        fc.array(deviceChange, { maxLength: 4 }),
        (text, questions, sshQuestions, start, more) => {
          const policy = parsePolicy(
            JSON.stringify({
              ...JSON.parse(text),
              tests: questions.map(testOf),
              sshTests: sshQuestions.map(sshTestOf),
            }),
          );
          validatePolicy(policy, EMPTY_CONTEXT);
          const changes = [...start, ...more].map(awake);
          const engine = createPolicyEngine({ settings, policy });
          engine.applyAll(changes);
          const world = worldAfter(policy, changes);
          const wanted = questions.map((one) => ({ user: one.src, errors: expected(world, one) }));
          const wantedSsh = sshQuestions
            .map((one) => ({ user: one.src, errors: expectedSsh(world, one) }))
            .filter(({ errors }) => errors.length > 0);
          const plain = (failures: ReturnType<typeof runTests>) =>
            failures.map(({ user, errors }) => ({ user, errors: [...errors] }));
          expect(plain(runTests(engine.core))).toEqual(wanted);
          expect(plain(runSshTests(engine.core))).toEqual(wantedSsh);
          for (const { errors } of [...wanted, ...wantedSsh])
            for (const error of errors) {
              const got = error.split('got: ')[1];
              if (got !== undefined && got in seen) seen[got as keyof typeof seen]++;
            }
        },
      ),
      { numRuns: RUNS },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(RUNS / 10);
  }, 1_800_000);

  it('find the same edges that open what a test denies', () => {
    let found = 0;
    const behind = fc.record({
      host: fc.constantFrom('10.1.2.9', '10.5.0.7', '10.5.0.8'),
      port: fc.constantFrom(22, 443),
    });
    const denied = fc.record({
      src: fc.constantFrom('*', ...PEOPLE),
      proto: fc.constantFrom<'' | 'tcp' | 'udp' | 'icmp'>('', '', 'tcp', 'udp', 'icmp'),
      dst: fc.array(fc.oneof(address, behind), { minLength: 1, maxLength: 6 }),
      attributes,
    });
    fc.assert(
      fc.property(
        policyText,
        fc.array(denied, { minLength: 1, maxLength: 6 }),
        startChanges,
        fc.array(networkChange, { maxLength: 6 }),
        (text, questions, start, more) => {
          const tests = questions.map((one) => ({ ...testOf(one), accept: [] }));
          const policy = parsePolicy(JSON.stringify({ ...JSON.parse(text), tests }));
          const changes = [...start, ...OPEN, ...more]
            .filter(({ kind }) => !kind.startsWith('role'))
            .map(awake);
          const engine = createPolicyEngine({ settings, policy });
          engine.applyAll(changes);
          const world = worldAfter(policy, changes);
          const wanted = questions.flatMap(({ src, proto, dst, attributes: own = {} }) =>
            dst.flatMap(({ host, port }) => {
              const source = { kind: 'some', selector: parseSelector(src), attributes: own } as const;
              const target = subjectOf(policy, parseSelector(host));
              return world.edges
                .filter((edge) =>
                  PROTOCOLS[proto].some((protocol) =>
                    edgeOpens(world, edge, { source, target, protocol, port }),
                  ),
                )
                .map(({ id }) => `${id} ${src} ${host}:${port}`);
            }),
          );
          const told = brokenDenials(engine.core).map(({ edge, src, dst }) => `${edge} ${src} ${dst}`);
          expect(told.sort()).toEqual(wanted.sort());
          found += wanted.length;
        },
      ),
      { numRuns: RUNS },
    );
    expect(found).toBeGreaterThan(RUNS);
  }, 1_800_000);
});
