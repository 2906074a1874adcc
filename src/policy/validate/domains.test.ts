import { describe, expect, it } from 'vitest';
import { createPolicyEngine, PolicyError, parsePolicy, validatePolicy } from '../index.ts';

const CONTEXT = { domains: new Set(['a.test']), directoryGroups: () => [], hasUser: () => true };

function refusal(policy: object): string | undefined {
  try {
    validatePolicy(parsePolicy(JSON.stringify({ tagOwners: { 'tag:x': [] }, ...policy })), CONTEXT);
    return undefined;
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
}

const foreign = (domain: string): string =>
  `${domain} is not associated with this Tailnet and cannot be used in user:*@<domain> expressions`;
const ssh = (rule: object) => ({
  ssh: [{ action: 'accept', src: ['autogroup:member'], dst: ['tag:x'], users: ['root'], ...rule }],
});
const grant = (src: string) => ({ grants: [{ src: [src], dst: ['*'], ip: ['*'] }] });

describe('domains in a policy file', () => {
  it('are those of the organization', () => {
    expect(refusal(ssh({ src: ['user:*@a.test'], users: ['localpart:*@a.test'] }))).toBeUndefined();
    expect(refusal(grant('user:*@a.test'))).toBeUndefined();
    expect(refusal(grant('user:*@b.test'))).toBe(foreign('b.test'));
    expect(refusal(ssh({ users: ['localpart:*@b.test'] }))).toBe(foreign('b.test'));
  });

  it('are refused with their section where they are the sources of SSH rules', () => {
    expect(refusal(ssh({ src: ['user:*@b.test'] }))).toBe(`[ssh] ${foreign('b.test')}`);
  });

  it('are in lower case, and shown as they are written', () => {
    expect(refusal(ssh({ users: ['localpart:*@A.TEST'] }))).toBe(foreign('A.TEST'));
    expect(refusal(grant('user:*@A.test'))).toBe(foreign('A.test'));
    expect(refusal(ssh({ src: ['user:*@A.test'] }))).toBe(`[ssh] ${foreign('A.test')}`);
  });

  it('mean the same in capitals in files that were saved when those were taken', () => {
    const engine = createPolicyEngine({ policy: parsePolicy(JSON.stringify(grant('user:*@A.TEST'))) });
    engine.applyAll([
      { kind: 'user', user: { id: 9, login: 'ann@a.test', role: 'member' } },
      ...[1, 2].map((id) => ({
        kind: 'device' as const,
        device: {
          ...{ id, owner: { kind: 'membership' as const, id: 9 }, tags: [], addresses: [`100.64.0.${id}`] },
          ...{ advertised: [], approved: [], attributes: {}, class: 'normal' as const, authorized: true },
        },
      })),
    ]);
    expect(engine.filter(1).rules[0]?.SrcIPs).toEqual(['100.64.0.1', '100.64.0.2']);
  });
});
