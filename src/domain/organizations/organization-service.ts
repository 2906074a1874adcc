/** Making organizations, with everything that one has from its first moment. */
import { type Clock, DAY } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { format } from '../../kernel/hujson/index.ts';
import { type Random, randomNanoId } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { newCredential } from '../credentials/new-credential.ts';
import { createToken, type NewToken } from '../credentials/token.ts';
import type { Credential } from '../model/credentials.ts';
import type { AuditOrigin, By } from '../model/operations.ts';
import type { Membership, Organization } from '../model/people.ts';
import { insertAccount, insertMember } from '../people/new-member.ts';
import { insertEverywherePassword } from '../people/organization-password.ts';
import { DEFAULT_POLICY } from '../policy-file/default-policy.ts';
import { INSTALLATION, type Store, type Tx } from '../ports/store.ts';

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;
const NANO_ID = /^[a-z0-9]{26}$/u;
const DOMAIN =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/u;
const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,189}$/u;
/** How long the first token of an owner is good for. */
const FIRST_TOKEN_DAYS = 90;
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
  readonly clock: Clock;
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
    work: (tx: Tx, organization: Organization, owner: Membership, stamp: Stamp) => Promise<T>,
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
      const stamp = { byKind: by.kind, byId: by.id, byName: by.name };
      const organization: Organization = await tx.insert('organization', {
        org: INSTALLATION,
        id,
        nano: randomNanoId(random),
        label: input.label,
        name: input.name ?? input.label,
        tailnetName,
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
      make(input, by, origin, async (tx, organization, _owner, stamp) => {
        const first = {
          kind: 'oauth-client',
          ownerKind: 'organization',
          owner: 0,
          name: 'first client',
        } as const;
        const { token, publicId } = await insertCredential(tx, random, organization, first, stamp);
        return { organization, client: { publicId, secret: token } };
      }),
  };
}

interface OwnerInput {
  readonly email: string;
  readonly passwordHash?: string;
  readonly ownPassword?: boolean;
  /** The person, where the installation knows them already. */
  readonly account?: number;
}

type Stamp = { byKind: string; byId: string; byName: string };

async function insertOwner(
  tx: Tx,
  random: Random,
  organization: Organization,
  input: OwnerInput,
  stamp: Stamp,
): Promise<Membership> {
  const account = input.account ?? (await insertAccount(tx, input.passwordHash !== undefined)).id;
  const email = input.email.trim();
  const owner = await insertMember(tx, random, {
    org: organization.id,
    account,
    username: email,
    email,
    role: 'owner',
    joinedAt: tx.now,
    approvedAt: tx.now,
    ...stamp,
  });
  if (input.passwordHash !== undefined && input.ownPassword === true) {
    // Whoever sets the installation up says who they are: there is nobody else whose address it could be.
    await insertEverywherePassword(tx, owner, normalizeKey(email), input.passwordHash);
  } else if (input.passwordHash !== undefined) {
    // Bound to this organization: a password given by whoever runs the installation opens nothing else.
    await tx.insert('identity', {
      org: organization.id,
      id: tx.newId(),
      account,
      kind: 'password',
      issuer: 'password',
      subject: String(account),
      email,
      emailVerified: false,
      secretHash: input.passwordHash,
      sealed: null,
      data: {},
      createdAt: tx.now,
      lastUsed: null,
    });
  }
  tx.audit(organization.id, {
    verb: 'create',
    objectKind: 'membership',
    objectId: owner.id,
    objectName: email,
    after: { role: 'owner' },
  });
  return owner;
}

/** The credential that an organization begins with: it may do everything. A client never expires. */
async function insertCredential(
  tx: Tx,
  random: Random,
  organization: Organization,
  first: Pick<Credential, 'ownerKind' | 'owner' | 'name'> & { readonly kind: 'api' | 'oauth-client' },
  stamp: Stamp,
): Promise<NewToken> {
  const id = tx.newId();
  const made = createToken(random, first.kind, id);
  const { publicId, secretHash } = made;
  const expires = first.kind === 'api';
  await tx.insert(
    'credential',
    newCredential({
      org: organization.id,
      id,
      ...first,
      description: first.name,
      publicId,
      secretHash,
      scopes: ['all'],
      expirySeconds: expires ? FIRST_TOKEN_DAYS * (DAY / 1000) : null,
      createdAt: tx.now,
      expiresAt: expires ? tx.now + FIRST_TOKEN_DAYS * DAY : null,
      ...stamp,
    }),
  );
  tx.audit(organization.id, {
    verb: 'create',
    objectKind: 'credential',
    objectId: id,
    objectName: first.name,
  });
  return made;
}

async function insertDefaults(
  tx: Tx,
  random: Random,
  organization: Organization,
  stamp: Stamp,
): Promise<void> {
  const org = organization.id;
  await tx.insert('policyVersion', {
    org,
    id: tx.newId(),
    version: 1,
    text: DEFAULT_POLICY,
    etag: sha256Hex(format(DEFAULT_POLICY)),
    isDefault: true,
    createdAt: tx.now,
    ...stamp,
  });
  await tx.insert('dnsConfig', {
    org,
    id: tx.newId(),
    nameservers: [],
    split: {},
    searchPaths: [],
    magicDns: true,
    overrideLocal: false,
  });
  await tx.insert('group', {
    org,
    id: tx.newId(),
    name: 'Everyone',
    key: 'everyone',
    kind: 'system',
    systemKey: 'everyone',
    active: true,
    originId: null,
    securityPolicy: null,
    createdAt: tx.now,
    updatedAt: tx.now,
    ...stamp,
  });
  await tx.insert('securityPolicy', {
    org,
    id: tx.newId(),
    name: 'Default Policy',
    type: 'default',
    conditions: [],
    createdAt: tx.now,
    updatedAt: tx.now,
  });
  await tx.insert('serviceAccount', {
    org,
    id: tx.newId(),
    nano: randomNanoId(random),
    name: 'Organization credentials',
    description: 'Owner of OAuth clients and federated identities',
    role: 'none',
    system: true,
    createdAt: tx.now,
    updatedAt: tx.now,
    ...stamp,
  });
}
