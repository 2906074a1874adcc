import { expect, test } from 'vitest';
import { type Actor, memberPermissions } from '../access/actor.ts';
import { permissionsOfScopes } from '../access/scopes.ts';
import type { Role } from '../model/people.ts';
import { requireManages } from './role-rules.ts';

const member = (role: Role, scopes: readonly string[] = ['all']): Actor => ({
  kind: 'member',
  org: 1,
  membership: 1,
  name: 'a@b.test',
  role,
  credential: { id: 1, kind: 'api', scopes, tags: [] },
  permissions: memberPermissions(role, scopes),
});
const client = (scopes: readonly string[]): Actor => ({
  kind: 'client',
  org: 1,
  name: 'client',
  client: 1,
  credential: { id: 1, kind: 'oauth-client', scopes, tags: [] },
  permissions: permissionsOfScopes(scopes),
});
const may = (actor: Actor, role: Role): boolean => {
  try {
    requireManages(actor, role);
    return true;
  } catch {
    return false;
  }
};

test.each([
  { who: 'the owner', actor: member('owner'), role: 'admin' as const, expected: true },
  { who: 'the owner', actor: member('owner'), role: 'owner' as const, expected: true },
  { who: 'an administrator', actor: member('admin'), role: 'owner' as const, expected: false },
  { who: 'an administrator', actor: member('admin'), role: 'it-admin' as const, expected: true },
  { who: 'an IT administrator', actor: member('it-admin'), role: 'admin' as const, expected: true },
  { who: 'an IT administrator', actor: member('it-admin'), role: 'network-admin' as const, expected: true },
  { who: 'an IT administrator', actor: member('it-admin'), role: 'owner' as const, expected: false },
  {
    who: 'a network administrator',
    actor: member('network-admin'),
    role: 'it-admin' as const,
    expected: false,
  },
  {
    who: 'a network administrator',
    actor: member('network-admin'),
    role: 'auditor' as const,
    expected: true,
  },
  { who: 'an auditor', actor: member('auditor'), role: 'admin' as const, expected: false },
  {
    who: 'an owner with a narrowed token',
    actor: member('owner', ['users']),
    role: 'admin' as const,
    expected: false,
  },
  {
    who: 'an owner with a narrowed token',
    actor: member('owner', ['users']),
    role: 'member' as const,
    expected: true,
  },
  { who: 'a client for everything', actor: client(['all']), role: 'admin' as const, expected: true },
  { who: 'a client for everything', actor: client(['all']), role: 'owner' as const, expected: false },
  { who: 'a client for users', actor: client(['users']), role: 'admin' as const, expected: false },
  { who: 'a client for users', actor: client(['users']), role: 'auditor' as const, expected: false },
])('$who manages a $role: $expected', ({ actor, role, expected }) => {
  expect(may(actor, role)).toBe(expected);
});
