/** What security policies ask of devices: `/app/api/security-policies`. */
import { z } from 'zod';
import type { Directory } from '../../domain/directory/directory.ts';
import type { SecurityPolicy } from '../../domain/model/networks.ts';
import type { SecurityPolicyService } from '../../domain/networks/security-policy-service.ts';
import type { GuardedOperation } from '../shared/operation.ts';
import { pathId } from '../shared/parameters.ts';
import { parsed } from './parsed.ts';

const PATH = '/app/api/security-policies';
const MAX_TEXT = 1_000;
const MAX_CONDITIONS = 100;
const PAGE = 1_000;

const change = z.strictObject({ conditions: z.array(z.string().max(MAX_TEXT)).max(MAX_CONDITIONS) });

const jsonOf = ({ id, name, type, conditions }: SecurityPolicy): object => ({ id, name, type, conditions });

export function securityPolicyOperations(
  policies: Pick<SecurityPolicyService, 'setConditions'>,
  directory: Directory,
): readonly GuardedOperation[] {
  return [
    {
      id: 'native.security-policy.list',
      method: 'GET',
      path: PATH,
      requires: 'access:read',
      handle: async ({ actor }) => {
        const { rows } = await directory.page(actor, 'securityPolicy', { limit: PAGE });
        return { security_policies: rows.map(jsonOf) };
      },
    },
    {
      id: 'native.security-policy.update',
      method: 'PUT',
      path: `${PATH}/:id`,
      requires: 'access:write',
      handle: async ({ request, actor }) => {
        const { conditions } = parsed(change, request.body);
        return jsonOf(
          await policies.setConditions(actor, pathId(request, 'security policy'), conditions, 'native-api'),
        );
      },
    },
  ];
}
