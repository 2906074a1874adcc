/** The domain services behind this dialect, put together. */
import { createDirectory } from '../../domain/directory/directory.ts';
import { createTenancy } from '../../domain/directory/tenancy.ts';
import { createGroupReads } from '../../domain/groups/group-reads.ts';
import { createGroupService } from '../../domain/groups/group-service.ts';
import { createNetworkService } from '../../domain/networks/network-service.ts';
import { createMemberAdmin } from '../../domain/people/member-admin.ts';
import { createMemberService } from '../../domain/people/member-service.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { TwingateServices } from './context.ts';

export interface TwingateServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

export function createTwingateServices({ store, random }: TwingateServicesParts): TwingateServices {
  const directory = createDirectory({ store });
  return {
    directory,
    groupReads: createGroupReads({ directory }),
    tenancy: createTenancy({ store }),
    groups: createGroupService({ store }),
    networks: createNetworkService({ store }),
    members: createMemberService({ store, random, admin: createMemberAdmin({ store }) }),
  };
}
