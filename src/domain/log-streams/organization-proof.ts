/**
 * How the organizations of an installation are told apart by clouds that trust its one AWS account, and how a trust that
 * tells none apart is found out: else one organization could name what was opened for another.
 */
import type { AwsRoles, RoleRequest } from '../ports/aws-roles.ts';

/** How AWS is told which organization asks. Numbers are never used twice, unlike labels. */
export const awsNameOf = (org: number): string => `holdfast-${org}`;
/** No organization is called this: whoever lets it in lets in all of them. */
export const NOBODYS_AWS_NAME = 'holdfast-nobody';
/** No organization has this external id. */
const NOBODYS_EXTERNAL_ID = '00000000-0000-4000-8000-000000000000';

/**
 * Why a role would be taken on for whoever names it, though it was given to one organization; undefined: it would not.
 * All organizations ask with the installation's account, so it is the external id alone that tells them apart.
 */
export async function openToOthers(
  roles: AwsRoles,
  role: Omit<RoleRequest, 'externalId'>,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const tries = [
    { externalId: undefined, how: 'without the external id' },
    { externalId: NOBODYS_EXTERNAL_ID, how: 'with another external id' },
  ];
  for (const { externalId, how } of tries) {
    const attempt = await roles.assume({ ...role, externalId }, signal);
    if ('session' in attempt) return `the role can be taken on ${how}`;
    if (!attempt.denied) return `it could not be found out: ${attempt.reason}`;
  }
  return undefined;
}
