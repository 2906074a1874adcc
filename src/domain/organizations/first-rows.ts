/** The rows with which an organization begins. */
import { DAY } from '../../kernel/clock.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import { format } from '../../kernel/hujson/index.ts';
import { type Random, randomNanoId } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import type { ByColumns } from '../access/actor.ts';
import { insertToken } from '../credentials/insert-token.ts';
import type { Credential } from '../model/credentials.ts';
import type { Membership, Organization } from '../model/people.ts';
import { insertPassword } from '../people/new-identity.ts';
import { insertAccount, insertMember } from '../people/new-member.ts';
import { insertEverywherePassword } from '../people/organization-password.ts';
import { DEFAULT_POLICY } from '../policy-file/default-policy.ts';
import type { Tx } from '../ports/store.ts';

/** How long the first token of an owner is good for. */
const FIRST_TOKEN_DAYS = 90;

export interface OwnerInput {
  readonly email: string;
  readonly passwordHash?: string;
  readonly ownPassword?: boolean;
  /** The person, where the installation knows them already. */
  readonly account?: number;
}

/** The owner's membership, with a password where there is one, and their account where they have none. */
export async function insertOwner(
  tx: Tx,
  random: Random,
  organization: Organization,
  input: OwnerInput,
  stamp: ByColumns,
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
    await insertPassword(tx, { org: organization.id, account, email, secretHash: input.passwordHash });
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
export async function insertCredential(
  tx: Tx,
  random: Random,
  organization: Organization,
  first: Pick<Credential, 'ownerKind' | 'owner' | 'name'> & { readonly kind: 'api' | 'oauth-client' },
  stamp: ByColumns,
): Promise<{ readonly token: string; readonly publicId: string }> {
  const { credential, token } = await insertToken(tx, random, {
    org: organization.id,
    ...first,
    scopes: ['all'],
    expiresAt: first.kind === 'api' ? tx.now + FIRST_TOKEN_DAYS * DAY : null,
    ...stamp,
  });
  tx.audit(organization.id, {
    verb: 'create',
    objectKind: 'credential',
    objectId: credential.id,
    objectName: first.name,
  });
  return { token, publicId: credential.publicId };
}

/** The policy, DNS settings, group, security policy and service account that every organization has. */
export async function insertDefaults(
  tx: Tx,
  random: Random,
  organization: Organization,
  stamp: ByColumns,
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
