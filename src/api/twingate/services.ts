/** The domain services behind this dialect, put together. */
import { createDirectory } from '../../domain/directory/directory.ts';
import { createTenancy } from '../../domain/directory/tenancy.ts';
import { createGroupReads } from '../../domain/groups/group-reads.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { TwingateServices } from './context.ts';

export interface TwingateServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

export function createTwingateServices({ store }: TwingateServicesParts): TwingateServices {
  const directory = createDirectory({ store });
  return { directory, groupReads: createGroupReads({ directory }), tenancy: createTenancy({ store }) };
}
