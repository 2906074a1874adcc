/** Making organizations, with everything that one has from its first moment. */
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Random, randomNanoId } from '../../kernel/random.ts';
import { type ByColumns, columnsOfBy } from '../access/actor.ts';
import type { AuditOrigin, By } from '../model/operations.ts';
import type { Membership, Organization } from '../model/people.ts';
import { INSTALLATION, type Store, type Tx } from '../ports/store.ts';
import { readDnsBase } from './dns-base.ts';
import { insertCredential, insertDefaults, insertOwner, type OwnerInput } from './first-rows.ts';

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;
const NANO_ID = /^[a-z0-9]{26}$/u;
const DOMAIN =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/u;
const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,189}$/u;
const TAILNET_SUFFIX_LENGTH = 6;

export interface NewOrganization {
  readonly label: string;
  readonly name?: string;
  /** A mail domain of the organization; the tailnet is named for it when no other has that name. */
  readonly domain?: string;
  readonly owner: {
    readonly email: string;
    readonly passwordHash?: string;
    /** The person chose the password themselves: it is the account's, in every organization. */
    readonly ownPassword?: boolean;
    /** Somebody who has an account already: no other is made, and no first token. */
    readonly account?: number;
  };
  /** Refuses with `conflict` when the installation has an organization already. */
  readonly onlyAsFirst?: boolean;
}

export interface CreatedOrganization {
  readonly organization: Organization;
  readonly owner: Membership;
  /** The owner's first API token, shown once; '' for an owner who had an account before. */
  readonly apiToken: string;
}

/** An organization that another one makes, with a client that may do everything in it. */
export interface NewChild {
  readonly label: string;
  readonly name: string;
  readonly parent: number;
  readonly owner: { readonly email: string; readonly account: number };
}

export interface CreatedClient {
  readonly publicId: string;
  /** Shown once. */
  readonly secret: string;
}

export interface OrganizationService {
  /** Errors: `invalid` (label, domain, owner), `taken` (label). */
  create(input: NewOrganization, by: By, origin: AuditOrigin): Promise<CreatedOrganization>;
  /** Errors as above. */
  createChild(
    input: NewChild,
    by: By,
    origin: AuditOrigin,
  ): Promise<{ readonly organization: Organization; readonly client: CreatedClient }>;
}

export interface OrganizationServiceParts {
  readonly store: Store;
  readonly random: Random;
}

function check(input: Bare): void {
  // A label of digits or of the form of an external id would be ambiguous wherever both are accepted.
  if (!LABEL.test(input.label) || /^[0-9]+$/u.test(input.label) || NANO_ID.test(input.label)) {
    throw invalid('the label must be 1 to 63 of a-z, 0-9 and hyphen, not digits alone', 'label');
  }
  if (input.domain !== undefined && !DOMAIN.test(input.domain)) {
    throw invalid('the domain must be a domain name in lower case, such as example.com', 'domain');
  }
  if (!EMAIL.test(input.owner.email)) throw invalid('the owner must be an e-mail address', 'owner');
}

type Bare = Omit<NewOrganization, 'owner'> & {
  readonly parent: number;
  readonly owner: OwnerInput;
};

export function createOrganizationService({ store, random }: OrganizationServiceParts): OrganizationService {
  /** `work` gives the organization the credential that it begins with. */
  const make = async <T>(
    input: Bare,
    by: By,
    origin: AuditOrigin,
    work: (tx: Tx, organization: Organization, owner: Membership, stamp: ByColumns) => Promise<T>,
  ): Promise<T> => {
    check(input);
    if ((await store.organizationBy('label', input.label)) !== undefined) {
      throw new AppError('taken', `an organization with the label ${input.label} exists`, {
        field: 'label',
      });
    }
    const wanted = input.domain ?? `${input.label}.internal`;
    const nameTaken = (await store.organizationBy('tailnetName', wanted)) !== undefined;
    const tailnetName = nameTaken
      ? `${input.label}-${randomNanoId(random).slice(0, TAILNET_SUFFIX_LENGTH)}.internal`
      : wanted;
    const id = await store.newId();
    return store.write({ orgs: [INSTALLATION, id], by, origin }, async (tx) => {
      // Whoever makes an organization holds the installation's head, so nobody gets in between.
      if (input.onlyAsFirst && (await tx.count('organization', INSTALLATION)) > 0) {
        throw new AppError('conflict', 'this installation has an organization already');
      }
      const stamp = columnsOfBy(by);
      const organization: Organization = await tx.insert('organization', {
        org: INSTALLATION,
        id,
        nano: randomNanoId(random),
        label: input.label,
        name: input.name ?? input.label,
        tailnetName,
        dnsBase: await readDnsBase(tx),
        // Whoever has a domain decides about people with its addresses: it can be one organization's only.
        domains: input.domain === undefined || nameTaken ? [] : [input.domain],
        zoneNano: randomNanoId(random),
        parent: input.parent,
        createdAt: tx.now,
        updatedAt: tx.now,
        ...stamp,
      });
      tx.audit(INSTALLATION, {
        verb: 'create',
        objectKind: 'organization',
        objectId: id,
        objectName: input.label,
      });
      const owner = await insertOwner(tx, random, organization, input.owner, stamp);
      await insertDefaults(tx, random, organization, stamp);
      tx.audit(id, { verb: 'create', objectKind: 'organization', objectId: id, objectName: input.label });
      return work(tx, organization, owner, stamp);
    });
  };

  return {
    create: (input, by, origin) =>
      make({ ...input, parent: INSTALLATION }, by, origin, async (tx, organization, owner, stamp) => {
        if (input.owner.account !== undefined) return { organization, owner, apiToken: '' };
        const first = { kind: 'api', ownerKind: 'membership', owner: owner.id, name: 'first token' } as const;
        const { token } = await insertCredential(tx, random, organization, first, stamp);
        return { organization, owner, apiToken: token };
      }),
    createChild: (input, by, origin) =>
      make(input, by, origin, async (tx, organization, owner, stamp) => {
        // Who asks is somebody of another organization, and in this one the owner.
        const maker = by.kind === 'membership' ? { ...stamp, byId: String(owner.id) } : stamp;
        const first = {
          kind: 'oauth-client',
          ownerKind: 'organization',
          owner: 0,
          name: 'first client',
        } as const;
        const { token, publicId } = await insertCredential(tx, random, organization, first, maker);
        return { organization, client: { publicId, secret: token } };
      }),
  };
}
