import { describe, expect, it } from 'vitest';
import { createPolicyEngine, EMPTY_CONTEXT, PolicyError, parsePolicy, validatePolicy } from '../index.ts';

function refusal(policy: object): string | undefined {
  try {
    validatePolicy(parsePolicy(JSON.stringify({ tagOwners: { 'tag:x': [] }, ...policy })), EMPTY_CONTEXT);
    return undefined;
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
}

describe('the name of a tag', () => {
  it.each([
    ['x', "tags must start with 'tag:'"],
    ['tag:', 'tag names must not be empty'],
    ['tag:1a', "tag names must start with a letter, after 'tag:'"],
    ['tag:-a', "tag names must start with a letter, after 'tag:'"],
    ['tag:é', "tag names must start with a letter, after 'tag:'"],
    ['tag:a_b', 'tag names can only contain numbers, letters, or dashes'],
    ['tag:a b', 'tag names can only contain numbers, letters, or dashes'],
    ['tag:a:b', 'tag names can only contain numbers, letters, or dashes'],
    ['tag:aй', 'tag names can only contain numbers, letters, or dashes'],
  ])('is not %j', (tag, problem) => {
    expect(refusal({ tagOwners: { [tag]: [] } })).toBe(`tagOwners[${JSON.stringify(tag)}]: ${problem}`);
  });

  it.each(['tag:A', 'tag:a-b', 'tag:a1', 'tag:a-'])('is %j', (tag) => {
    expect(refusal({ tagOwners: { [tag]: [] } })).toBeUndefined();
  });

  it('keeps no file from being in force that was saved with another', () => {
    expect(() => parsePolicy('{"tagOwners": {"tag:a_b": []}}')).not.toThrow();
  });
});

describe('an autogroup that does not exist', () => {
  const name = 'autogroup:everyone';
  const problem = `autogroup not found: "${name}"`;
  it.each([
    ['src', { grants: [{ src: [name], dst: ['*'], ip: ['*'] }] }, `src=${problem}`],
    ['dst', { grants: [{ src: ['*'], dst: [name], ip: ['*'] }] }, `dst="${name}": ${problem}`],
    ['target', { nodeAttrs: [{ target: [name], attr: ['a'] }] }, problem],
    ['tagOwners', { tagOwners: { 'tag:x': [name] } }, `tagOwners["tag:x"]: ${problem}`],
    ['autoApprovers', { autoApprovers: { exitNode: [name] } }, `autoApprovers: ${problem}`],
  ])('is refused as %s', (_, policy, message) => {
    expect(refusal(policy)).toBe(message);
  });
});

describe('a protocol', () => {
  const acl = (proto: string) => ({ acls: [{ action: 'accept', proto, src: ['*'], dst: ['tag:x:*'] }] });
  const grant = (ip: string) => ({ grants: [{ src: ['*'], dst: ['tag:x'], ip: [ip] }] });
  /** Those of the only rule on a device that it leads to. */
  function protocols(policy: object): readonly number[] | undefined {
    const text = JSON.stringify({ tagOwners: { 'tag:x': [] }, ...policy });
    const engine = createPolicyEngine({ policy: parsePolicy(text) });
    engine.apply({
      kind: 'device',
      device: {
        ...{ id: 1, owner: { kind: 'tags' }, tags: ['tag:x'], addresses: ['100.64.0.1'], advertised: [] },
        ...{ approved: [], attributes: {}, class: 'normal', authorized: true },
      },
    });
    return engine.filter(1).rules[0]?.IPProto;
  }
  const unknown = (name: string) => `proto name "${name}" not known; use protocol number 0-255`;

  it.each([
    ['*', unknown('*')],
    ['bogus', unknown('bogus')],
    ['icmpv6', unknown('icmpv6')],
    ['256', unknown('256')],
    ['-1', unknown('-1')],
    ['tcp,udp', unknown('tcp,udp')],
    ['06', 'leading 0 not permitted in protocol number "06"'],
    ['0', 'leading 0 not permitted in protocol number "0"'],
  ])('of an acl is not %j', (proto, problem) => {
    expect(refusal(acl(proto))).toBe(problem);
  });

  it.each([
    ['TCP', [6]],
    ['ip-in-ip', [4]],
    ['ipv6-icmp', [58]],
    ['255', [255]],
    ['', undefined],
  ])('of an acl is %j', (proto, numbers) => {
    expect(protocols(acl(proto))).toEqual(numbers);
  });

  it.each([
    ['bogus:*', unknown('bogus')],
    ['256:*', unknown('256')],
    ['tcp::22', unknown('tcp:')],
    ['tcp,udp:22', 'host cannot contain a comma (",")'],
    [':22', 'empty protocol'],
  ])('of a grant is not that of %j', (ip, problem) => {
    expect(refusal(grant(ip))).toBe(problem);
  });

  it.each([
    ['icmpv4:*', [1]],
    ['ICMPv6:*', [58]],
    ['dccp:*', [33]],
    ['06:22', [6]],
    ['0:22', undefined],
    ['*:22', undefined],
  ])('of a grant is that of %j', (ip, numbers) => {
    expect(protocols(grant(ip))).toEqual(numbers);
  });
});
