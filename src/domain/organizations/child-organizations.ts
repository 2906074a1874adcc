/** Organizations that an organization makes over an API, where the installation lets it. */
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, byOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Membership, Organization } from '../model/people.ts';
import { INSTALLATION, type Store } from '../ports/store.ts';
import { labelOf } from './labels.ts';
import type { CreatedClient, OrganizationService } from './organization-service.ts';

/**
 * Who may make organizations: whoever runs the installation alone, or also the owners and administrators of those that
 * there are, and clients that they give the scope for it.
 */
export const CREATORS = ['operator', 'administrators'] as const;
export type OrganizationCreators = (typeof CREATORS)[number];

export interface ChildOrganizations {
  /** The actor's own organization and those that it made, in order of their ids; `after` is the id to go on from. */
  list(actor: Actor, page: { readonly after: number; readonly limit: number }): Promise<Organization[]>;
  /**
   * With a client that holds every scope. Its owner is the person who asks, or the owner of the organization whose client
   * asks. Errors: `forbidden`, `invalid` (name), `taken` (name), `too_large`.
   */
  create(
    actor: Actor,
    name: string,
    origin: AuditOrigin,
  ): Promise<{ readonly organization: Organization; readonly client: CreatedClient }>;
}

const NAME = /^[A-Za-z0-9' -]{1,63}$/u;
/** How many an organization makes at most. */
export const MAX_CHILDREN = 1_000;

export interface ChildOrganizationsParts {
  readonly store: Store;
  readonly random: Random;
  readonly organizations: OrganizationService;
  readonly creators: OrganizationCreators;
}

export function createChildOrganizations(parts: ChildOrganizationsParts): ChildOrganizations {
  const { store, random, organizations, creators } = parts;

  const ownerFor = async (actor: Actor): Promise<Membership | undefined> => {
    if (actor.kind === 'member') return store.get('membership', actor.org, actor.membership);
    const [owner] = await store.find('membership', actor.org, { role: 'owner' });
    return owner;
  };
  const freeLabel = async (name: string): Promise<string> => {
    const plain = labelOf(name, random);
    const isTaken = (await store.organizationBy('label', plain)) !== undefined;
    return isTaken ? labelOf(name, random, true) : plain;
  };

  return {
    list: async (actor, { after, limit }) => {
      authorize(actor, 'organizations:read');
      return store.list('organization', INSTALLATION, {
        anyOf: [
          { column: 'id', operator: '=', value: actor.org },
          { column: 'parent', operator: '=', value: actor.org },
        ],
        after: [after],
        limit,
      });
    },
    create: async (actor, text, origin) => {
      authorize(actor, 'organizations:write');
      if (creators === 'operator') {
        throw new AppError('forbidden', 'organizations are made by the operator of this installation');
      }
      const name = text.trim();
      if (!NAME.test(name)) {
        throw invalid(
          'displayName must have 1 to 63 letters, digits, spaces, apostrophes and hyphens',
          'displayName',
        );
      }
      const present = await store.find('organization', INSTALLATION, { parent: actor.org }, MAX_CHILDREN + 1);
      if (present.length >= MAX_CHILDREN) {
        throw new AppError('too_large', `an organization makes at most ${MAX_CHILDREN} others`);
      }
      if (present.some((organization) => organization.name === name)) {
        throw new AppError('taken', `a tailnet named "${name}" exists`, { field: 'displayName' });
      }
      const owner = await ownerFor(actor);
      if (owner?.email == null) throw invalid('the owner needs an e-mail address', 'displayName');
      return organizations.createChild(
        {
          label: await freeLabel(name),
          name,
          parent: actor.org,
          owner: { email: owner.email, account: owner.account },
        },
        byOf(actor),
        origin,
      );
    },
  };
}
