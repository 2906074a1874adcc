/** Organizations that people make for themselves. */
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, byOf } from '../access/actor.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Organization } from '../model/people.ts';
import { requireAccount } from '../people/invitation-by-account.ts';
import type { Store } from '../ports/store.ts';
import { labelOf } from './labels.ts';
import type { OrganizationService } from './organization-service.ts';

export interface OwnOrganizations {
  /**
   * Its owner is the person behind the actor, whose session must be good in every organization. Errors: `forbidden`, `invalid`
   * (name), `too_large` (somebody who has very many).
   */
  create(actor: Actor, name: string | undefined, origin: AuditOrigin): Promise<Organization>;
}

const DEFAULT_NAME = 'My organization';
const MAX_NAME = 255;
const MAX_ORGANIZATIONS = 100;
const TRIES = 3;

/** Errors: `invalid`. */
export function checkOrganizationName(text: string): string {
  const name = text.trim();
  if (name === '' || name.length > MAX_NAME || /[\p{Cc}<>]/u.test(name)) {
    throw invalid(`name must have 1 to ${MAX_NAME} characters without < and >`, 'name');
  }
  return name;
}

export function createOwnOrganizations(parts: {
  readonly store: Store;
  readonly random: Random;
  readonly organizations: OrganizationService;
}): OwnOrganizations {
  const { store, random, organizations } = parts;
  return {
    create: async (actor, text, origin) => {
      const self = await requireAccount(store, actor);
      const name = checkOrganizationName(text ?? DEFAULT_NAME);
      const { account, email } = self;
      if (email === null)
        throw new AppError('forbidden', 'an organization needs an owner with an e-mail address');
      if ((await store.queries.accountMemberships(account)).length >= MAX_ORGANIZATIONS) {
        throw new AppError('too_large', `at most ${MAX_ORGANIZATIONS} organizations are allowed`);
      }
      for (let turn = 1; ; turn += 1) {
        const label = labelOf(name, random, turn > 1);
        try {
          const made = await organizations.create(
            { label, name, owner: { email, account } },
            byOf(actor),
            origin,
          );
          return made.organization;
        } catch (error) {
          // Somebody else has it, perhaps since a moment ago.
          if (!(error instanceof AppError && error.code === 'taken') || turn === TRIES) throw error;
        }
      }
    },
  };
}
