import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../domain/access/actor.ts';
import type { Directory } from '../../domain/directory/directory.ts';
import type { OwnOrganizations } from '../../domain/organizations/own-organizations.ts';
import type { InvitationsByAccount } from '../../domain/people/invitation-by-account.ts';
import type { MemberChanges } from '../../domain/people/member-change.ts';
import type { MemberService } from '../../domain/people/member-service.ts';
import type { OrganizationAdmin } from '../../domain/people/organization-admin.ts';
import type { OrganizationReads } from '../../domain/people/organization-reads.ts';
import type { PeopleReads } from '../../domain/people/people-reads.ts';
import type { NamedRequests } from '../../domain/requests/named-requests.ts';
import type { ServiceAccountService } from '../../domain/service-accounts/service-account-service.ts';
import type { ServiceCredentialService } from '../../domain/service-accounts/service-credential-service.ts';
import type { SsoConnectionService } from '../../domain/sso-connections/sso-connection-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Elsewhere } from './elsewhere.ts';

/** What the dialect needs of the program. */
export interface KeycardServices {
  readonly directory: Directory;
  readonly organizations: OrganizationReads;
  readonly people: PeopleReads;
  readonly organizationAdmin: OrganizationAdmin;
  readonly ownOrganizations: OwnOrganizations;
  readonly invitationLinks: InvitationsByAccount;
  readonly members: MemberService;
  readonly memberChanges: MemberChanges;
  readonly serviceAccounts: ServiceAccountService;
  readonly serviceCredentials: ServiceCredentialService;
  readonly elsewhere: Elsewhere;
  readonly namedRequests: NamedRequests;
  readonly ssoConnections: SsoConnectionService;
}

export interface KeycardApiParts {
  readonly services: KeycardServices;
  /** From the text of a token to its actor; throws `unauthenticated`. */
  readonly authenticate: (token: string) => Promise<Actor>;
  readonly clock: Clock;
  /** The public keys that check this installation's access tokens, as RFC 7517 writes them. */
  readonly publishedKeys: () => Promise<readonly Readonly<Record<string, string>>[]>;
  /** The origin that clients know; undefined: whatever each came by. */
  readonly publicUrl: string | undefined;
  /** Told of what was answered as our own fault. */
  readonly onError?: (error: unknown, request: FastifyRequest) => void;
}
