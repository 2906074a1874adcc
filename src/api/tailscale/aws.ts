import { z } from 'zod';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody, textBody } from './body.ts';
import { inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';

const body = z.object({ reusable: z.boolean().nullish() });
const trustBody = z.object({ roleArn: z.string() });
const UNPROCESSABLE = 422;
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
    {
      id: 'tailscale.aws.validate',
      method: 'POST',
      path: `${TAILNET}/aws-external-id/:externalId/validate-aws-trust-policy`,
      requires: 'log-streams:write',
      handle: inTailnet(services.organizations, async ({ actor, request, reply }) => {
        const { roleArn } = jsonBody(request, trustBody);
        const externalId = pathText(request, 'externalId');
        const problem = await services.awsExternalIds.validate(actor, externalId, roleArn);
        return problem === undefined ? {} : reply.code(UNPROCESSABLE).send({ message: problem });
      }),
    },
  ];
}
