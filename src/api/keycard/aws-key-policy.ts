/**
 * The policy that an organization's own AWS key would need. This program uses no keys there, so it is the one that AWS gives
 * every key: the account administrates it, and nobody else is let in. The account's number is the client's to fill in.
 */
import type { Operation } from '../shared/operation.ts';
import { ORGANIZATION, organizationOf } from './organizations.ts';
import type { KeycardApiParts } from './parts.ts';

const POLICY = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'AccountAdministratesItsKey',
      Effect: 'Allow',
      Principal: { AWS: 'arn:aws:iam::<YOUR_AWS_ACCOUNT_ID>:root' },
      Action: 'kms:*',
      Resource: '*',
    },
  ],
});

export const awsKeyPolicyOperations = ({ services }: KeycardApiParts): Operation[] => [
  {
    id: 'keycard.aws-key-policy.get',
    method: 'GET',
    path: `${ORGANIZATION}/aws/key-policy`,
    requires: 'organization:read',
    handle: async ({ actor, request }) => {
      await organizationOf(services, actor, request);
      return { policy: POLICY };
    },
  },
];
