/** The domain services behind this dialect, put together. */
import type { PasswordSignIn } from '../../auth/password-sign-in.ts';
import { createTenancy } from '../../domain/directory/tenancy.ts';
import { createNetworkRoleReads } from '../../domain/groups/network-role-reads.ts';
import { createPeopleReads } from '../../domain/people/people-reads.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { NetmakerServices } from './parts.ts';

export interface NetmakerServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly passwordSignIn: PasswordSignIn;
}

export const createNetmakerServices = ({
  store,
  passwordSignIn,
}: NetmakerServicesParts): NetmakerServices => ({
  people: createPeopleReads({ store }),
  networkRoles: createNetworkRoleReads({ store }),
  tenancy: createTenancy({ store }),
  passwordSignIn,
});
