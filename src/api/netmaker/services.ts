/** The domain services behind this dialect, put together. */

import type { Passwords } from '../../auth/password.ts';
import type { PasswordSignIn } from '../../auth/password-sign-in.ts';
import { createTenancy } from '../../domain/directory/tenancy.ts';
import { createGroupLookup } from '../../domain/groups/group-lookup.ts';
import { createNetworkRoleReads } from '../../domain/groups/network-role-reads.ts';
import { createMemberAdmin } from '../../domain/people/member-admin.ts';
import { createPeopleReads } from '../../domain/people/people-reads.ts';
import { createUserAccountService } from '../../domain/people/user-account-service.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { NetmakerServices } from './parts.ts';

export interface NetmakerServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly passwordSignIn: PasswordSignIn;
  readonly passwords: Passwords;
}

export const createNetmakerServices = ({
  store,
  random,
  passwordSignIn,
  passwords,
}: NetmakerServicesParts): NetmakerServices => ({
  people: createPeopleReads({ store }),
  networkRoles: createNetworkRoleReads({ store }),
  groupLookup: createGroupLookup({ store }),
  users: createUserAccountService({ store, random, admin: createMemberAdmin({ store }) }),
  tenancy: createTenancy({ store }),
  passwordSignIn,
  passwords,
});
