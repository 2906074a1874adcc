/** The domain services behind this dialect, put together. */

import type { AttemptLimiter } from '../../auth/attempt-limiter.ts';
import type { Passwords } from '../../auth/password.ts';
import type { PasswordSignIn } from '../../auth/password-sign-in.ts';
import { createProgramLogins } from '../../auth/program-logins.ts';
import { createSecondFactors } from '../../auth/second-factor.ts';
import { createSecondStep } from '../../auth/second-step.ts';
import { createSessions } from '../../auth/sessions.ts';
import { createSignInSteps } from '../../auth/sign-in-steps.ts';
import { createAuditLog } from '../../domain/audit/audit-log.ts';
import { createPersonalTokens } from '../../domain/credentials/personal-token-service.ts';
import { createTenancy } from '../../domain/directory/tenancy.ts';
import { createUsageReads } from '../../domain/directory/usage.ts';
import type { FirstRun } from '../../domain/first-run/first-run-service.ts';
import { createGroupLookup } from '../../domain/groups/group-lookup.ts';
import { createGroupService } from '../../domain/groups/group-service.ts';
import { createNetworkRoleReads } from '../../domain/groups/network-role-reads.ts';
import { createNetworkRoleService } from '../../domain/groups/network-role-service.ts';
import { createCodeInvites } from '../../domain/people/code-invites.ts';
import { createMemberAdmin } from '../../domain/people/member-admin.ts';
import { createMemberService } from '../../domain/people/member-service.ts';
import { createPendingUsers } from '../../domain/people/pending-users.ts';
import { createPeopleReads } from '../../domain/people/people-reads.ts';
import { createUserAccountService } from '../../domain/people/user-account-service.ts';
import { createUserSettings } from '../../domain/people/user-settings.ts';
import type { KeyedTexts } from '../../domain/ports/keyed-texts.ts';
import type { Sealer } from '../../domain/ports/sealer.ts';
import type { Store } from '../../domain/ports/store.ts';
import { createSettingsService } from '../../domain/settings/settings-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import { createNetworkServices } from './network-services.ts';
import type { NetmakerServices } from './parts.ts';

export interface NetmakerServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly passwordSignIn: PasswordSignIn;
  readonly passwords: Passwords;
  readonly firstRun: Pick<FirstRun, 'isOffered' | 'complete'>;
  readonly sealer: Sealer;
  readonly keyedTexts: KeyedTexts;
  readonly limiter: AttemptLimiter;
}

export const createNetmakerServices = ({
  store,
  clock,
  random,
  passwordSignIn,
  passwords,
  firstRun,
  sealer,
  keyedTexts,
  limiter,
}: NetmakerServicesParts): NetmakerServices => {
  const networkRoles = createNetworkRoleReads({ store });
  const memberAdmin = createMemberAdmin({ store });
  const factors = createSecondFactors({ store, clock, random, sealer, limiter });
  return {
    people: createPeopleReads({ store }),
    networkRoles,
    roles: createNetworkRoleService({ store }),
    groupLookup: createGroupLookup({ store, networkRoles }),
    groups: createGroupService({ store }),
    personalTokens: createPersonalTokens({ store, random }),
    userSettings: createUserSettings({ store }),
    pendingUsers: createPendingUsers({ store }),
    invites: createCodeInvites({
      store,
      clock,
      random,
      keyedTexts,
      members: createMemberService({ store, random, admin: memberAdmin }),
      hashPassword: passwords.hash,
    }),
    factors,
    secondStep: createSecondStep({ store, steps: createSignInSteps({ sealer, clock }), factors }),
    sessions: createSessions({ store, random, clock }),
    programLogins: createProgramLogins({ store, clock, random }),
    keyedTexts,
    limiter,
    users: createUserAccountService({ store, random, admin: memberAdmin }),
    memberAdmin,
    firstRun,
    tenancy: createTenancy({ store }),
    settings: createSettingsService({ store }),
    usage: createUsageReads({ store }),
    auditLog: createAuditLog({ store }),
    passwordSignIn,
    passwords,
    ...createNetworkServices({ store, clock, random, sealer }),
  };
};
