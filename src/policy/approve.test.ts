import { describe, expect, it } from 'vitest';
import { autoApproved, autoApprovedService, forbiddenTags, parsePolicy } from './index.ts';

const policy = parsePolicy(`{
  "groups": {"group:net": ["ann@a.test"]},
  "hosts": {"box": "100.64.0.9"},
  "tagOwners": {
    "tag:router": ["group:net"],
    "tag:ci": ["tag:deployer"],
    "tag:deployer": ["bob@a.test"],
    "tag:loop-a": ["tag:loop-b"],
    "tag:loop-b": ["tag:loop-a"],
    "tag:mine": [],
  },
  "autoApprovers": {
    "routes": {"10.0.0.0/8": ["tag:router"], "0.0.0.0/0": ["group:net"]},
    "exitNode": ["tag:exit", "box"],
    "services": {"svc:web": ["tag:router"], "tag:public": ["ann@a.test"]},
  },
}`);

describe('automatic approval', () => {
  const prefixes = ['10.1.0.0/16', '11.0.0.0/8', '0.0.0.0/0', '::/0', 'nonsense'];

  it('enables a route inside of an approver’s prefix, and default routes through exitNode only', () => {
    expect(autoApproved(policy, { tags: ['tag:router'] }, prefixes)).toEqual(['10.1.0.0/16']);
    expect(autoApproved(policy, { tags: ['tag:exit'] }, prefixes)).toEqual(['0.0.0.0/0', '::/0']);
    expect(autoApproved(policy, { login: 'ann@a.test' }, prefixes)).toEqual(['10.1.0.0/16', '11.0.0.0/8']);
  });

  it('takes a host as an approver by the device’s address', () => {
    expect(autoApproved(policy, { tags: ['tag:x'], addresses: ['100.64.0.9'] }, ['::/0'])).toEqual(['::/0']);
  });

  it('does not count a person whose device is tagged', () => {
    expect(autoApproved(policy, { login: 'ann@a.test', tags: ['tag:x'] }, prefixes)).toEqual([]);
  });

  it('enables services by name or by tag', () => {
    expect(autoApprovedService(policy, { tags: ['tag:router'] }, 'svc:web', [])).toBe(true);
    expect(autoApprovedService(policy, { login: 'ann@a.test' }, 'svc:db', ['tag:public'])).toBe(true);
    expect(autoApprovedService(policy, { login: 'bob@a.test' }, 'svc:web', ['tag:public'])).toBe(false);
  });
});

describe('tags that an actor may put on a device', () => {
  it.each([
    ['their own', { login: 'ann@a.test', role: 'member' as const }, ['tag:router'], []],
    [
      'those of a tag that they own',
      { login: 'bob@a.test', role: 'member' as const },
      ['tag:ci', 'tag:deployer'],
      [],
    ],
    ['those of a tag that the device has', { tags: ['tag:deployer'] }, ['tag:ci'], []],
    [
      'no others',
      { login: 'cid@a.test', role: 'member' as const },
      ['tag:router', 'tag:mine'],
      ['tag:router', 'tag:mine'],
    ],
    [
      'any, as an administrator',
      { login: 'cid@a.test', role: 'admin' as const },
      ['tag:router', 'tag:mine', 'tag:loop-a'],
      [],
    ],
    [
      'none that the policy does not have',
      { login: 'cid@a.test', role: 'owner' as const },
      ['tag:none'],
      ['tag:none'],
    ],
    ['none of a circle', { login: 'ann@a.test', role: 'member' as const }, ['tag:loop-a'], ['tag:loop-a']],
  ])('%s', (_, actor, tags, forbidden) => {
    expect(forbiddenTags(policy, actor, tags)).toEqual(forbidden);
  });
});
