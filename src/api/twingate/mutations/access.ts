import type { EdgeChange, Principal } from '../../../domain/networks/access-service.ts';
import { AppError } from '../../../kernel/errors.ts';
import type { Args, Context } from '../context.ts';
import { decodeAnyGlobalId } from '../global-id.ts';
import type { RootField } from '../queries.ts';
import { defined, idOf, ORIGIN, optionalIdOf } from './arguments.ts';
import { termsOf } from './resources.ts';

function principalOf(value: unknown): Principal {
  const decoded = typeof value === 'string' ? decodeAnyGlobalId(value) : undefined;
  if (decoded?.type === 'Group') return { kind: 'group', id: decoded.id };
  if (decoded?.type === 'ServiceAccount') return { kind: 'service_account', id: decoded.id };
  throw new AppError('not_found', `Principal with id '${String(value)}' does not exist`, {
    field: 'principalId',
  });
}

/** Absent fields keep what the edge has, null takes it away. */
function edgeOf(input: Args): EdgeChange {
  return {
    principal: principalOf(input.principalId),
    ...(input.accessPolicy === null ? { withoutTerms: true } : {}),
    ...defined({
      securityPolicy:
        input.securityPolicyId === null ? null : optionalIdOf(input, 'securityPolicyId', 'SecurityPolicy'),
      expiresAt: input.expiresAt === null ? null : (input.expiresAt as number | undefined),
      terms: edgeTermsOf(input),
    }),
  };
}

/** Unlike a resource, an edge may be without an approval mode. */
function edgeTermsOf(input: Args): EdgeChange['terms'] {
  const terms = termsOf(input);
  return input.approvalMode === null ? { ...terms, approvalMode: null } : terms;
}

const grant = async (args: Args, { actor, services }: Context, replace: boolean) => {
  const edges = (Array.isArray(args.access) ? args.access : []).map(edgeOf);
  const resource = idOf(args, 'resourceId', 'Resource');
  return { entity: await services.access.grant(actor, resource, edges, { replace }, ORIGIN) };
};

export const accessMutations: Readonly<Record<string, RootField>> = {
  resourceAccessAdd: {
    requires: 'access:write',
    resolve: (args, context) => grant(args, context, false),
  },
  resourceAccessSet: {
    requires: 'access:write',
    resolve: (args, context) => grant(args, context, true),
  },
  resourceAccessRemove: {
    requires: 'access:write',
    resolve: async (args, { actor, services }) => {
      const ids: readonly unknown[] = Array.isArray(args.principalIds) ? args.principalIds : [];
      // Who is unknown has no access that could be taken.
      const principals = ids.flatMap((id) => {
        const decoded = typeof id === 'string' ? decodeAnyGlobalId(id) : undefined;
        return decoded?.type === 'Group' || decoded?.type === 'ServiceAccount' ? [principalOf(id)] : [];
      });
      const resource = idOf(args, 'resourceId', 'Resource');
      return { entity: await services.access.revoke(actor, resource, principals, ORIGIN) };
    },
  },
};
