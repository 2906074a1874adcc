import type { FastifyRequest } from 'fastify';
import type { AttemptLimiter } from '../../auth/attempt-limiter.ts';
import type { Passwords } from '../../auth/password.ts';
import type { PasswordSignIn } from '../../auth/password-sign-in.ts';
import type { ProgramLogins } from '../../auth/program-logins.ts';
import type { SecondFactors } from '../../auth/second-factor.ts';
import type { SecondStep } from '../../auth/second-step.ts';
import type { Sessions } from '../../auth/sessions.ts';
import type { SsoSignIn } from '../../auth/sso/sso-sign-in.ts';
import type { Actor } from '../../domain/access/actor.ts';
import type { AuditLog } from '../../domain/audit/audit-log.ts';
import type { PersonalTokenService } from '../../domain/credentials/personal-token-service.ts';
import type { Tenancy } from '../../domain/directory/tenancy.ts';
import type { UsageReads } from '../../domain/directory/usage.ts';
import type { ExtClientReads } from '../../domain/ext-clients/ext-client-reads.ts';
import type { ExtClientService } from '../../domain/ext-clients/ext-client-service.ts';
import type { FirstRun } from '../../domain/first-run/first-run-service.ts';
import type { GroupLookup } from '../../domain/groups/group-lookup.ts';
import type { GroupService } from '../../domain/groups/group-service.ts';
import type { NetworkRoleReads } from '../../domain/groups/network-role-reads.ts';
import type { NetworkRoleService } from '../../domain/groups/network-role-service.ts';
import type { GatewayReads } from '../../domain/networks/gateway-reads.ts';
import type { GatewayService } from '../../domain/networks/gateway-service.ts';
import type { HostReads } from '../../domain/networks/host-reads.ts';
import type { NetworkMembers } from '../../domain/networks/network-members.ts';
import type { NetworkReads } from '../../domain/networks/network-reads.ts';
import type { NetworkService } from '../../domain/networks/network-service.ts';
import type { ResourceReads } from '../../domain/networks/resource-reads.ts';
import type { ResourceService } from '../../domain/networks/resource-service.ts';
import type { CodeInvites } from '../../domain/people/code-invites.ts';
import type { MemberAdmin } from '../../domain/people/member-admin.ts';
import type { PendingUsers } from '../../domain/people/pending-users.ts';
import type { PeopleReads } from '../../domain/people/people-reads.ts';
import type { UserAccountService } from '../../domain/people/user-account-service.ts';
import type { UserSettingsService } from '../../domain/people/user-settings.ts';
import type { KeyedTexts } from '../../domain/ports/keyed-texts.ts';
import type { SettingsService } from '../../domain/settings/settings-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';

/** What the dialect needs of the program. */
export interface NetmakerServices {
  readonly people: PeopleReads;
  readonly networkRoles: NetworkRoleReads;
  readonly roles: NetworkRoleService;
  readonly groupLookup: GroupLookup;
  readonly groups: GroupService;
  readonly users: UserAccountService;
  readonly memberAdmin: MemberAdmin;
  readonly firstRun: Pick<FirstRun, 'isOffered' | 'complete'>;
  readonly passwords: Passwords;
  readonly networks: NetworkService;
  readonly networkReads: NetworkReads;
  readonly gateways: GatewayService;
  readonly gatewayReads: GatewayReads;
  readonly networkMembers: NetworkMembers;
  readonly hosts: HostReads;
  readonly resources: ResourceService;
  readonly resourceReads: ResourceReads;
  readonly extClients: ExtClientService;
  readonly extClientReads: ExtClientReads;
  readonly tenancy: Tenancy;
  readonly settings: SettingsService;
  readonly usage: UsageReads;
  readonly auditLog: Pick<AuditLog, 'page'>;
  readonly passwordSignIn: PasswordSignIn;
  readonly factors: SecondFactors;
  readonly secondStep: SecondStep;
  readonly sessions: Sessions;
  readonly programLogins: ProgramLogins;
  readonly keyedTexts: KeyedTexts;
  readonly limiter: AttemptLimiter;
  readonly personalTokens: PersonalTokenService;
  readonly userSettings: UserSettingsService;
  readonly pendingUsers: PendingUsers;
  readonly invites: CodeInvites;
}

export interface NetmakerApiParts {
  readonly services: NetmakerServices;
  readonly clock: Clock;
  readonly random: Random;
  /** Browser sign-in by an organization's own provider. */
  readonly sso: SsoSignIn;
  /** The origin that clients know; undefined: whatever each came by. */
  readonly publicUrl?: string | undefined;
  /** The origin of the vendor's dashboard, where it is served apart from this server. */
  readonly dashboardUrl?: string | undefined;
  /** From the text of a token to its actor; throws `unauthenticated`. */
  readonly authenticate: (token: string) => Promise<Actor>;
  /** Told of what was answered as our own fault. */
  readonly onError?: (error: unknown, request: FastifyRequest) => void;
}
