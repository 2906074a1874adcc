/** Users and groups on the wire. */
import { encodeUuid } from '../../domain/ids/uuid8.ts';
import type { Group, Membership } from '../../domain/model/people.ts';
import { displayName } from '../../domain/organizations/names.ts';
import type { SignInFacts } from '../../domain/people/people-reads.ts';
import { isAdministrator, type PlatformRole, ROLE_NAMES } from './roles.ts';

/** What this API takes for a password at least. */
export const MIN_PASSWORD = 5;

/** Times that were never set. */
const NEVER = '0001-01-01T00:00:00Z';
export const timeText = (time: number | null): string =>
  time === null ? NEVER : new Date(time).toISOString();

/** Built-in groups have their literal names, others a UUID. */
export const groupId = (group: Pick<Group, 'id' | 'kind' | 'systemKey'>): string =>
  group.kind === 'system' && group.systemKey !== null ? group.systemKey : encodeUuid('group', group.id);

/** Administrators are in it by what they are; it opens no packets by itself. */
export const ALL_NETWORKS_ADMINS = 'global-network-admin-grp';

export interface UserFacts {
  readonly signIn: SignInFacts | undefined;
  readonly accessTokens: number;
  readonly groups: readonly Group[];
}

export interface ReturnUser {
  readonly username: string;
  readonly external_identity_provider_id: string;
  readonly is_mfa_enabled: boolean;
  readonly display_name: string;
  readonly account_disabled: boolean;
  readonly isadmin: boolean;
  readonly issuperadmin: boolean;
  readonly auth_type: 'basic_auth' | 'oauth';
  readonly remote_gw_ids: null;
  readonly user_group_ids: Readonly<Record<string, object>>;
  readonly platform_role_id: PlatformRole;
  readonly network_roles: null;
  readonly last_login_time: string;
  readonly num_access_tokens: number;
  readonly created_by: string;
  readonly created_at: string;
  readonly updated_at: string;
}

function userGroupIds(member: Membership, groups: readonly Group[]): Record<string, object> {
  const derived = isAdministrator(member.role) ? [ALL_NETWORKS_ADMINS] : [];
  return Object.fromEntries([...derived, ...groups.map(groupId)].map((id) => [id, {}]));
}

export function toReturnUser(member: Membership, { signIn, accessTokens, groups }: UserFacts): ReturnUser {
  const { role } = member;
  const created = timeText(member.createdAt);
  const named = member.displayName !== null || member.givenName !== null || member.familyName !== null;
  return {
    username: member.username,
    external_identity_provider_id: member.externalId ?? '',
    is_mfa_enabled: signIn?.hasSecondFactor ?? false,
    // A name that nobody gave is empty here, not the login once more.
    display_name: named ? displayName(member) : '',
    account_disabled: member.suspendedAt !== null,
    isadmin: isAdministrator(role),
    issuperadmin: role === 'owner',
    auth_type: signIn?.issuer != null ? 'oauth' : 'basic_auth',
    remote_gw_ids: null,
    user_group_ids: userGroupIds(member, groups),
    platform_role_id: ROLE_NAMES[role],
    network_roles: null,
    last_login_time: timeText(signIn?.lastSignIn ?? null),
    num_access_tokens: accessTokens,
    created_by: member.byName,
    created_at: created,
    updated_at: created,
  };
}
