/** The domain services behind this dialect, put together. */
import { createSessions } from '../../auth/sessions.ts';
import { createDirectory } from '../../domain/directory/directory.ts';
import { createAccessService } from '../../domain/networks/access-service.ts';
import { createOrganizationService } from '../../domain/organizations/organization-service.ts';
import { createOwnOrganizations } from '../../domain/organizations/own-organizations.ts';
import { createInvitationsByAccount } from '../../domain/people/invitation-by-account.ts';
import { createMemberAdmin } from '../../domain/people/member-admin.ts';
import { createMemberChanges } from '../../domain/people/member-change.ts';
import { createMemberService } from '../../domain/people/member-service.ts';
import { createOrganizationAdmin } from '../../domain/people/organization-admin.ts';
import { createOrganizationReads } from '../../domain/people/organization-reads.ts';
import { createPeopleReads } from '../../domain/people/people-reads.ts';
import type { Sealer } from '../../domain/ports/sealer.ts';
import type { SignedTokens } from '../../domain/ports/signed-tokens.ts';
import type { Store } from '../../domain/ports/store.ts';
import { createNamedRequests } from '../../domain/requests/named-requests.ts';
import { createServiceAccountService } from '../../domain/service-accounts/service-account-service.ts';
import {
  createServiceCredentialService,
  type ServiceCredentialParts,
} from '../../domain/service-accounts/service-credential-service.ts';
import { createSsoConnections } from '../../domain/sso-connections/sso-connection-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import { createElsewhere } from './elsewhere.ts';
import type { KeycardServices } from './parts.ts';

export interface KeycardServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
  readonly signedTokens: Pick<SignedTokens, 'sign'>;
  readonly onUse?: ServiceCredentialParts['onUse'];
}

export function createKeycardServices(parts: KeycardServicesParts): KeycardServices {
  const { store, clock, random, sealer, signedTokens, onUse } = parts;
  return {
    directory: createDirectory({ store }),
    organizations: createOrganizationReads({ store }),
    people: createPeopleReads({ store }),
    organizationAdmin: createOrganizationAdmin({ store }),
    members: createMemberService({ store, random, admin: createMemberAdmin({ store }) }),
    memberChanges: createMemberChanges({ store }),
    ownOrganizations: createOwnOrganizations({
      store,
      random,
      organizations: createOrganizationService({ store, random }),
    }),
    invitationLinks: createInvitationsByAccount({ store }),
    serviceAccounts: createServiceAccountService({ store, random, access: createAccessService({ store }) }),
    elsewhere: createElsewhere({ store, sessions: createSessions({ store, random, clock }) }),
    namedRequests: createNamedRequests({ store }),
    ssoConnections: createSsoConnections({ store, random, sealer }),
    serviceCredentials: createServiceCredentialService({
      store,
      clock,
      random,
      signedTokens,
      ...(onUse === undefined ? {} : { onUse }),
    }),
  };
}
