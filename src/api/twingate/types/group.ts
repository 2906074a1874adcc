import { isEveryone } from '../../../domain/groups/group-reads.ts';
import type { Group } from '../../../domain/model/people.ts';
import { through } from '../../../domain/ports/store.ts';
import { relatedConnection } from '../connection.ts';
import { type Context, type FieldResolvers, fieldsOf } from '../context.ts';
import { liveEdge, resourceFilter, userFilter } from '../filters.ts';
import { encodeGlobalId } from '../global-id.ts';
import { loadPolicy, required } from '../loads.ts';
import { GROUP_TYPES } from '../projections.ts';

/** Resources that a principal has an edge to. */
export const edgesOf = (principalKind: 'group' | 'service_account', context: Context) =>
  through('accessEdge', 'principal', 'resource', {
    allOf: [{ column: 'principalKind', operator: '=', value: principalKind }, liveEdge(context.now)],
  });

export const groupFields: FieldResolvers = fieldsOf<Group>({
  id: ({ id }) => encodeGlobalId('Group', id),
  name: ({ name }) => name,
  isActive: ({ active }) => active,
  type: ({ kind }) => GROUP_TYPES[kind],
  originId: ({ originId }) => originId,
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
  securityPolicy: ({ securityPolicy }, _args, context) =>
    required('the default policy', loadPolicy(context, securityPolicy)),
  users: (group, args, context) => {
    const condition = userFilter(args.filter);
    const { groupReads } = context.services;
    return relatedConnection(
      // Everyone has no rows of its own: its answer is another question.
      isEveryone(group) ? 'Everyone.users' : 'Group.users',
      args,
      context,
      group,
      {
        pages: (groups, request) => groupReads.members(context.actor, groups, { ...request, condition }),
        counts: (groups) => groupReads.countMembers(context.actor, groups, condition),
      },
    );
  },
  resources: (group, args, context) => {
    const relation = edgesOf('group', context);
    const condition = resourceFilter(args.filter);
    const { directory } = context.services;
    return relatedConnection('Group.resources', args, context, group, {
      pages: (groups, request) =>
        directory.related(context.actor, 'resource', {
          relation,
          condition,
          parents: groups.map(({ id }) => id),
          ...request,
        }),
      counts: (groups) =>
        directory.countRelated(context.actor, 'resource', {
          relation,
          condition,
          parents: groups.map(({ id }) => id),
        }),
    });
  },
});
