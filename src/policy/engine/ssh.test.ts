import { describe, expect, it } from 'vitest';
import { createPolicyEngine, type DeviceInput, type PolicyEngine, parsePolicy } from '../index.ts';

const [SERVER, BUILDER, OTHER, LAPTOP, PHONE] = [1, 2, 3, 4, 5];
const ANN = 9;

const device = (id: number, parts: Partial<DeviceInput>) => ({
  kind: 'device' as const,
  device: {
    ...{ id, owner: { kind: 'tags' as const }, tags: [], addresses: [`100.64.0.${id}`], advertised: [] },
    ...{ approved: [], attributes: {}, class: 'normal' as const, authorized: true },
    ...parts,
  },
});
const policyOf = (src: string[], users: string[]) =>
  parsePolicy(
    JSON.stringify({
      tagOwners: { 'tag:server': [], 'tag:build': [] },
      ssh: [{ action: 'accept', src, dst: ['tag:server'], users }],
    }),
  );

function engineWith(src: string[], users: string[]): PolicyEngine {
  const engine = createPolicyEngine({ policy: policyOf(src, users) });
  engine.applyAll([
    { kind: 'user', user: { id: ANN, login: 'ann@a.test', role: 'member' } },
    device(SERVER, { tags: ['tag:server'] }),
    device(BUILDER, { tags: ['tag:build'] }),
    device(OTHER, { tags: ['tag:build'] }),
    device(LAPTOP, { owner: { kind: 'membership', id: ANN } }),
    device(PHONE, { owner: { kind: 'membership', id: ANN } }),
  ]);
  return engine;
}

/** The rules of a device: who may log in as whom. */
const rulesOn = (engine: PolicyEngine, id: number) =>
  engine
    .ssh(id)
    .rules.map(({ principals, sshUsers }) => [principals.map(({ nodeIP }) => nodeIP).join(), sshUsers]);

const LOCALPART = 'localpart:*@a.test';

describe('SSH rules that let each person in by the local part of their login', () => {
  it('open a person’s own devices to each other too', () => {
    const engine = engineWith(['autogroup:member'], [LOCALPART]);
    const both = '100.64.0.4,100.64.0.5';
    const expected = [
      [both, { root: '' }],
      [both, { ann: 'ann' }],
    ];
    expect([SERVER, LAPTOP, PHONE].map((id) => rulesOn(engine, id))).toEqual([expected, expected, expected]);
    expect(rulesOn(engine, BUILDER)).toEqual([]);
  });

  it('open each tagged source to itself alone, under no local part', () => {
    const engine = engineWith(['tag:build'], [LOCALPART, 'ubuntu']);
    const users = { root: '', ubuntu: 'ubuntu' };
    expect(rulesOn(engine, SERVER)).toEqual([['100.64.0.2,100.64.0.3', users]]);
    expect(rulesOn(engine, BUILDER)).toEqual([['100.64.0.2', users]]);
    expect(rulesOn(engine, OTHER)).toEqual([['100.64.0.3', users]]);
    expect(rulesOn(engine, LAPTOP)).toEqual([]);
  });

  it('tell a tagged source that it became one, moved, or is none any more', () => {
    const engine = engineWith(['tag:build'], [LOCALPART]);
    const told = (change: Parameters<PolicyEngine['apply']>[0]) =>
      [...engine.apply(change).ssh].includes(OTHER);
    expect(told(device(OTHER, { tags: ['tag:build'], addresses: ['100.64.0.33'] }))).toBe(true);
    expect(rulesOn(engine, OTHER)).toEqual([['100.64.0.33', { root: '' }]]);
    expect(told(device(OTHER, { tags: [] }))).toBe(true);
    expect(rulesOn(engine, OTHER)).toEqual([]);
    expect(told(device(OTHER, { tags: ['tag:build'] }))).toBe(true);
    expect(told({ kind: 'policy', policy: policyOf(['tag:build'], ['ubuntu']) })).toBe(true);
    expect(rulesOn(engine, OTHER)).toEqual([]);
  });

  it('are others than rules with plain logins, which open what they name and no more', () => {
    expect(rulesOn(engineWith(['tag:build'], ['ubuntu']), BUILDER)).toEqual([]);
    expect(rulesOn(engineWith(['autogroup:member'], ['ubuntu']), LAPTOP)).toEqual([]);
  });
});
