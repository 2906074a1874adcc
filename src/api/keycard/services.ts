/** The domain services behind this dialect, put together. */
import { createDirectory } from '../../domain/directory/directory.ts';
import { createOrganizationReads } from '../../domain/people/organization-reads.ts';
import { createPeopleReads } from '../../domain/people/people-reads.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { KeycardServices } from './parts.ts';

export interface KeycardServicesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

export const createKeycardServices = ({ store }: KeycardServicesParts): KeycardServices => ({
  directory: createDirectory({ store }),
  organizations: createOrganizationReads({ store }),
  people: createPeopleReads({ store }),
});
