import type { AccessRequestService } from '../../../domain/access-requests/access-request-service.ts';
import type { RootField } from '../queries.ts';
import { idOf, ORIGIN } from './arguments.ts';

/** Also members decide, on requests for the resources that their groups approve; the service knows which. */
const decision = (verb: keyof Pick<AccessRequestService, 'approve' | 'reject'>): RootField => ({
  requires: { anyOf: ['access:review', 'access:write', 'self:write'] },
  resolve: async (args, { actor, services }) => {
    await services.accessRequests[verb](actor, idOf(args, 'id', 'AccessRequest'), ORIGIN);
    return {};
  },
});

export const accessRequestMutations: Readonly<Record<string, RootField>> = {
  accessRequestApprove: decision('approve'),
  accessRequestReject: decision('reject'),
};
