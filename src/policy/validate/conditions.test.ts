import { describe, expect, it } from 'vitest';
import { EMPTY_CONTEXT, PolicyError, parsePolicy, policyWarnings, validatePolicy } from '../index.ts';

function refusal(condition: string): string | undefined {
  const text = JSON.stringify({ postures: { 'posture:a': ["node:os == 'linux'", condition] } }, null, 1);
  try {
    validatePolicy(parsePolicy(text), EMPTY_CONTEXT);
    return undefined;
  } catch (error) {
    if (error instanceof PolicyError) return `${error.line}: ${error.message}`;
    throw error;
  }
}

describe('the conditions of postures', () => {
  it.each(["node:os < 'x'", 'custom:x >= true', "custom:tier > '2'", 'node:tsVersion > true'])(
    'are refused where they could never hold: %s',
    (condition) => {
      expect(refusal(condition)).toContain(`5: postures["posture:a"]: ${JSON.stringify(condition)}: `);
    },
  );

  it.each(['custom:tier > 2', "node:tsVersion >= '1.60'", 'node:osVersion < 12.10', "custom:x != 'a'"])(
    'are taken: %s',
    (condition) => {
      expect(refusal(condition)).toBeUndefined();
    },
  );
});

describe('people whom a file names and who are not there', () => {
  it.each([
    { grants: [{ src: ['a@b.test'], dst: ['*'], ip: ['*'] }] },
    { ssh: [{ action: 'accept', src: ['a@b.test'], dst: ['tag:x'], users: ['root'] }] },
    { tagOwners: { 'tag:x': ['a@b.test'] } },
    { autoApprovers: { routes: { '10.0.0.0/8': ['a@b.test'] } } },
    { autoApprovers: { exitNode: ['a@b.test'] } },
    { autoApprovers: { services: { 'svc:x': ['a@b.test'] } } },
    { nodeAttrs: [{ target: ['a@b.test'], attr: ['x'] }] },
  ])('are warned of in %j', (file) => {
    const policy = parsePolicy(JSON.stringify(file));
    expect(policyWarnings(policy, { ...EMPTY_CONTEXT, hasUser: () => false })).toEqual([
      'user not found: "a@b.test"',
    ]);
  });
});
