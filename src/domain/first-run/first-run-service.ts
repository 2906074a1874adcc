/**
 * The first run: as long as an installation has no organization and never had one, whoever holds a link that the server
 * printed may make the first. Links are secrets, kept as hashes, and expire.
 */
import { type Clock, DAY } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomSecret } from '../../kernel/random.ts';
import type { CreatedOrganization, OrganizationService } from '../organizations/organization-service.ts';
import { requireLength } from '../people/organization-password.ts';
import type { InstallationFacts } from '../ports/installation-facts.ts';
import { INSTALLATION, type Store } from '../ports/store.ts';

/** The fact that says whether the first run is over. */
export const FIRST_RUN_FACT = 'first-run';
/** Its value once an organization was made or a backup restored. */
export const FIRST_RUN_OVER = 'over';

const LINK_PREFIX = 'first-run-link:';
const LINK_LIFETIME_MS = DAY;
const MAX_SECRET = 100;

export interface FirstOrganization {
  readonly label: string;
  readonly name?: string;
  readonly email: string;
  readonly password?: string;
}

export interface FirstRun {
  isOffered(): Promise<boolean>;
  /** The secret of a new link, or undefined when the first run is over. */
  createLink(): Promise<string | undefined>;
  /**
   * Makes the first organization and ends the first run. Errors: `unauthenticated` (the link is unknown, used or expired),
   * `conflict` (the first run is over), `invalid` (label, owner, password).
   */
  complete(secret: string, input: FirstOrganization): Promise<CreatedOrganization>;
}

export interface FirstRunParts {
  readonly store: Pick<Store, 'count'>;
  readonly facts: InstallationFacts;
  readonly organizations: OrganizationService;
  readonly hashPassword: (password: string) => Promise<string>;
  readonly clock: Clock;
  readonly random: Random;
}

const linkFact = (secret: string): string => `${LINK_PREFIX}${sha256Hex(secret)}`;

/** Never offered again, whatever happens to the organizations. */
export async function endFirstRun(facts: InstallationFacts): Promise<void> {
  await facts.set(FIRST_RUN_FACT, FIRST_RUN_OVER);
  await facts.removeStartingWith(LINK_PREFIX);
}

export function createFirstRun(parts: FirstRunParts): FirstRun {
  const { store, facts, clock } = parts;

  const isOffered = async (): Promise<boolean> => {
    if ((await facts.get(FIRST_RUN_FACT)) === FIRST_RUN_OVER) return false;
    if ((await store.count('organization', INSTALLATION)) === 0) return true;
    // Made on the command line, or by another process that did not get to say so.
    await endFirstRun(facts);
    return false;
  };

  const requireLink = async (secret: string): Promise<void> => {
    const expiresAt = secret.length > MAX_SECRET ? undefined : await facts.get(linkFact(secret));
    if (expiresAt === undefined || Number(expiresAt) <= clock.now()) {
      throw new AppError(
        'unauthenticated',
        'this link is not valid any more: restart the server, and it prints a new one',
      );
    }
  };

  return {
    isOffered,
    createLink: async () => {
      if (!(await isOffered())) return undefined;
      const secret = randomSecret(parts.random);
      await facts.set(linkFact(secret), String(clock.now() + LINK_LIFETIME_MS));
      return secret;
    },
    complete: async (secret, { label, name, email, password }) => {
      if (!(await isOffered())) {
        throw new AppError('conflict', 'this installation is set up already: sign in instead');
      }
      await requireLink(secret);
      if (password !== undefined) requireLength(password);
      const passwordHash = password === undefined ? undefined : await parts.hashPassword(password);
      const created = await parts.organizations.create(
        {
          label,
          ...(name === undefined ? {} : { name }),
          owner: { email, ...(passwordHash === undefined ? {} : { passwordHash, ownPassword: true }) },
          onlyAsFirst: true,
        },
        { kind: 'system', id: '', name: 'first run' },
        'native-api',
      );
      await endFirstRun(facts);
      return created;
    },
  };
}
