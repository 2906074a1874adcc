import type { Membership } from '../../../domain/model/people.ts';
import type { ConnectionResult } from '../connection.ts';
import { relatedConnection } from '../connection.ts';
import { type FieldResolvers, fieldsOf } from '../context.ts';
import { groupFilter } from '../filters.ts';
import { encodeGlobalId } from '../global-id.ts';
import { ROLE_NAMES, userState } from '../projections.ts';

export const userFields: FieldResolvers = fieldsOf<Membership>({
  id: ({ id }) => encodeGlobalId('User', id),
  firstName: ({ givenName }) => givenName ?? '',
  lastName: ({ familyName }) => familyName ?? '',
  email: ({ email }) => email,
  avatarUrl: ({ avatarUrl }) => avatarUrl,
  state: userState,
  role: ({ role }) => ROLE_NAMES[role],
  type: ({ managedBy }) => (managedBy === 'directory' ? 'SYNCED' : 'MANUAL'),
  isAdmin: ({ role }) => ROLE_NAMES[role] === 'ADMIN',
  createdAt: ({ createdAt }) => createdAt,
  // A member's row has no time of its last change; its audit events have them all.
  updatedAt: ({ createdAt }) => createdAt,
  groups: (member, args, context): Promise<ConnectionResult<{ id: number }>> => {
    const condition = groupFilter(args.filter);
    const { groupReads } = context.services;
    return relatedConnection('User.groups', args, context, member, {
      pages: (members, request) =>
        groupReads.groups(
          context.actor,
          members.map(({ id }) => id),
          { ...request, condition },
        ),
      counts: (members) =>
        groupReads.countGroups(
          context.actor,
          members.map(({ id }) => id),
          condition,
        ),
    });
  },
});
