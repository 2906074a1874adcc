import { z } from 'zod';
import type { Operation } from '../shared/operation.ts';
import { jsonBody, textBody } from './body.ts';
import { inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';

const body = z.object({ reusable: z.boolean().nullish() });
/** Stands for an installation that writes to no bucket yet. */
const NO_ACCOUNT = '000000000000';

export function awsOperations({ services, awsAccountId = NO_ACCOUNT }: TailscaleApiParts): Operation[] {
  return [
    {
      id: 'tailscale.aws.create',
      method: 'POST',
      path: `${TAILNET}/aws-external-id`,
      requires: 'log-streams:write',
      handle: inTailnet(services.organizations, async ({ actor, request }) => {
        const { reusable } = textBody(request) === '' ? { reusable: false } : jsonBody(request, body);
        const { externalId } = await services.awsExternalIds.create(actor, reusable ?? false, ORIGIN);
        return { externalId, tailscaleAwsAccountId: awsAccountId };
      }),
    },
  ];
}
