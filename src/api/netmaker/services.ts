/** The domain services behind this dialect, put together. */

import type { Passwords } from '../../auth/password.ts';
import type { PasswordSignIn } from '../../auth/password-sign-in.ts';
import { createTenancy } from '../../domain/directory/tenancy.ts';
import { createUsageReads } from '../../domain/directory/usage.ts';
import type { FirstRun } from '../../domain/first-run/first-run-service.ts';
import { createGroupLookup } from '../../domain/groups/group-lookup.ts';
import { createGroupService } from '../../domain/groups/group-service.ts';
import { createNetworkRoleReads } from '../../domain/groups/network-role-reads.ts';
import { createNetworkRoleService } from '../../domain/groups/network-role-service.ts';
import { createMemberAdmin } from '../../domain/people/member-admin.ts';
import { createPeopleReads } from '../../domain/people/people-reads.ts';
import { createUserAccountService } from '../../domain/people/user-account-service.ts';
import type { Store } from '../../domain/ports/store.ts';
import { createSettingsService } from '../../domain/settings/settings-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { NetmakerServices } from './parts.ts';

export interface NetmakerServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly passwordSignIn: PasswordSignIn;
  readonly passwords: Passwords;
  readonly firstRun: Pick<FirstRun, 'isOffered' | 'complete'>;
}

export const createNetmakerServices = ({
  store,
  random,
  passwordSignIn,
  passwords,
  firstRun,
}: NetmakerServicesParts): NetmakerServices => {
  const networkRoles = createNetworkRoleReads({ store });
  const memberAdmin = createMemberAdmin({ store });
  return {
    people: createPeopleReads({ store }),
    networkRoles,
    roles: createNetworkRoleService({ store }),
    groupLookup: createGroupLookup({ store, networkRoles }),
    groups: createGroupService({ store }),
    users: createUserAccountService({ store, random, admin: memberAdmin }),
    memberAdmin,
    firstRun,
    tenancy: createTenancy({ store }),
    settings: createSettingsService({ store }),
    usage: createUsageReads({ store }),
    passwordSignIn,
    passwords,
  };
};
