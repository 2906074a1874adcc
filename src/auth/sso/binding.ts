/**
 * From what a provider says to a member. A person is found by issuer and subject, never by an address. An address binds only
 * a member who has not joined yet, when the provider says that it is verified, and never one with power over others: for
 * that it takes the invitation's own link, or the session of whoever it is. So nobody who may set up a provider can sign in
 * as somebody else.
 */
import { ADMINISTRATIVE_ROLES } from '../../domain/access/permissions.ts';
import { syncDirectoryGroups } from '../../domain/groups/directory-groups.ts';
import type { Identity, Invitation, Membership, SsoConnection } from '../../domain/model/people.ts';
import { loginName } from '../../domain/organizations/names.ts';
import { acceptInvitation } from '../../domain/people/invitation-acceptance.ts';
import { openedBy } from '../../domain/people/invite-link.ts';
import { joinByLink } from '../../domain/people/link-invites.ts';
import { memberByName } from '../../domain/people/member-by-name.ts';
import { checkEmail } from '../../domain/people/member-rules.ts';
import { memberState } from '../../domain/people/member-state.ts';
import { insertIdentity } from '../../domain/people/new-identity.ts';
import { insertAuditedAccount, insertMember } from '../../domain/people/new-member.ts';
import type { KeyedTexts } from '../../domain/ports/keyed-texts.ts';
import { INSTALLATION, type Tx } from '../../domain/ports/store.ts';
import { readSettings } from '../../domain/settings/settings.ts';
import { vouchesFor } from '../../domain/sso-connections/sign-in-guards.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import type { SsoClaims } from './claims.ts';
import type { SsoPurpose } from './sso-state.ts';

export type BindingRefusal =
  /** The provider names no address, or one that is none. */
  | 'no-email'
  | 'unverified-email'
  /** Nobody here, and people of this address are not let in by themselves. */
  | 'not-a-member'
  /** Somebody has the address who signs in another way: they may add this one to their account. */
  | 'address-taken'
  /** The invitation is to a role that only its own link opens. */
  | 'needs-invitation'
  | 'invitation-gone'
  | 'other-address'
  /** To be added to one account, and another has it. */
  | 'other-person'
  | 'not-approved'
  | 'suspended'
  /** The provider's endpoints were set by somebody with less power than the person has. */
  | 'not-vouched'
  /** The connection is another one by now. */
  | 'gone'
  /** The answer of the provider was used before. */
  | 'used';

export type Bound =
  | { readonly kind: 'verified'; readonly member: Membership; readonly identity: Identity }
  | { readonly kind: 'refused'; readonly reason: BindingRefusal };

export interface Arrival {
  readonly org: number;
  /** As it was when the provider was asked. */
  readonly connection: SsoConnection;
  readonly issuer: string;
  readonly claims: SsoClaims;
  readonly purpose: SsoPurpose;
  /** The hash of what makes this answer the only one, and until when it could come again. */
  readonly once: { readonly hash: string; readonly until: number };
}

export interface BindingParts {
  readonly random: Random;
  /** By which links of invitations are known. */
  readonly keyedTexts: Pick<KeyedTexts, 'sign'>;
}

const refused = (reason: BindingRefusal): Bound => ({ kind: 'refused', reason });
const SYSTEM = { byKind: 'system', byId: '', byName: 'single sign-on' } as const;

/** Letters that only look alike, or that only lower-casing makes alike, are other people's mailboxes. */
const asciiLower = (text: string): string => text.replace(/[A-Z]/gu, (letter) => letter.toLowerCase());
const sameAddress = (one: string | null, other: string): boolean =>
  one !== null && asciiLower(one) === asciiLower(other);

function addressOf(email: string | undefined): string | undefined {
  try {
    return email === undefined ? undefined : checkEmail(email);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** Uses the answer up. False when it came before. */
async function useOnce(tx: Tx, identity: Identity, { hash, until }: Arrival['once']): Promise<boolean> {
  const used = usedOf(identity).filter((other) => other.until > tx.now);
  if (used.some((other) => other.hash === hash)) return false;
  const data = { ...identity.data, used: [...used, { hash, until }] };
  await tx.update('identity', identity.org, identity.id, { data });
  tx.audit(identity.org, {
    verb: 'verify',
    objectKind: 'identity',
    objectId: identity.account,
    objectName: identity.email ?? identity.subject,
    details: `single sign-on by ${identity.issuer}`,
  });
  return true;
}

type Used = { readonly hash: string; readonly until: number };
const usedOf = ({ data }: Identity): Used[] => (Array.isArray(data.used) ? (data.used as Used[]) : []);

function addProvider(tx: Tx, member: Membership, { issuer, claims, once }: Arrival): Promise<Identity> {
  const { org, account } = member;
  tx.audit(org, {
    verb: 'create',
    objectKind: 'identity',
    objectId: account,
    objectName: loginName(member),
    details: `single sign-on by ${issuer}`,
  });
  return insertIdentity(tx, {
    org,
    account,
    kind: 'sso',
    issuer,
    subject: claims.subject,
    email: claims.email ?? null,
    emailVerified: claims.emailVerified,
    data: { used: [once] },
  });
}

const ASCII = /^[\x21-\x7e]+$/u;

/**
 * Whether people with this address become members by signing in. Nobody does unless the organization named the domain, and
 * nobody with letters that could be taken for others: they can be invited.
 */
async function isWelcome(tx: Tx, org: number, email: string): Promise<boolean> {
  if (!ASCII.test(email)) return false;
  const { allowed_email_domains: allowed } = await readSettings(tx, org);
  const organization = await tx.get('organization', INSTALLATION, org);
  const domains = allowed.length > 0 ? allowed : (organization?.domains ?? []);
  const domain = asciiLower(email.slice(email.lastIndexOf('@') + 1));
  return domains.some((one) => one === '*' || asciiLower(one) === domain);
}

async function insertArrived(
  tx: Tx,
  random: Random,
  { org, claims }: Arrival,
  email: string,
): Promise<Membership> {
  const { user_approval: waits } = await readSettings(tx, org);
  const account = await insertAuditedAccount(tx, email, true);
  const member = await insertMember(tx, random, {
    org,
    account: account.id,
    username: email,
    email,
    displayName: claims.displayName ?? null,
    givenName: claims.givenName ?? null,
    familyName: claims.familyName ?? null,
    role: 'member',
    joinedAt: tx.now,
    approvedAt: waits ? null : tx.now,
    ...SYSTEM,
  });
  tx.audit(org, {
    verb: 'create',
    objectKind: 'membership',
    objectId: member.id,
    objectName: email,
    details: 'single sign-on',
  });
  return member;
}

/** Somebody whom this provider has brought before. */
async function known(tx: Tx, identity: Identity, arrival: Arrival): Promise<Bound> {
  const { org, purpose } = arrival;
  const [member] = await tx.find('membership', org, { account: identity.account }, 1);
  if (member === undefined) return refused('not-a-member');
  if (purpose.kind === 'link' && purpose.membership !== member.id) return refused('other-person');
  if (!vouchesFor(arrival.connection, member.role)) return refused('not-vouched');
  if (!(await useOnce(tx, identity, arrival.once))) return refused('used');
  return { kind: 'verified', member, identity };
}

/** To whoever holds the link. The address must be the one that was invited, if one was. */
async function invited(
  tx: Tx,
  { random, keyedTexts }: BindingParts,
  arrival: Arrival,
  link: string,
  email: string,
): Promise<Bound> {
  const open = await openedBy(tx, keyedTexts, link, tx.now);
  if (open?.invitation.org !== arrival.org) return refused('invitation-gone');
  const { invitation, member } = open;
  if (!vouchesFor(arrival.connection, member?.role ?? invitation.role ?? 'member'))
    return refused('not-vouched');
  if (member === undefined) return newcomer(tx, random, arrival, invitation, email);
  if (!sameAddress(member.email, email)) return refused('other-address');
  return join(tx, arrival, member, invitation);
}

/** By a link that names nobody: whoever the provider vouches for, with the address that it verified. */
async function newcomer(
  tx: Tx,
  random: Random,
  arrival: Arrival,
  invitation: Invitation,
  email: string,
): Promise<Bound> {
  if (!ASCII.test(email)) return refused('not-a-member');
  if ((await memberByName(tx, arrival.org, email)) !== undefined) return refused('address-taken');
  const { displayName = null, givenName = null, familyName = null } = arrival.claims;
  const { id: account } = await insertAuditedAccount(tx, email, true);
  const person = { account, username: email, email, displayName, givenName, familyName };
  const member = await joinByLink(tx, random, invitation, person);
  return { kind: 'verified', member, identity: await addProvider(tx, member, arrival) };
}

async function join(
  tx: Tx,
  arrival: Arrival,
  member: Membership,
  invitation: Invitation | undefined,
): Promise<Bound> {
  const { displayName, givenName, familyName } = arrival.claims;
  const joined = await acceptInvitation(tx, member, invitation);
  const named = member.displayName !== null || member.givenName !== null || member.familyName !== null;
  const shown = named
    ? joined
    : await tx.update('membership', member.org, member.id, {
        displayName: displayName ?? null,
        givenName: givenName ?? null,
        familyName: familyName ?? null,
      });
  return { kind: 'verified', member: shown, identity: await addProvider(tx, joined, arrival) };
}

/** Somebody who is new to this provider, and has nothing but their address. */
async function byAddress(tx: Tx, random: Random, arrival: Arrival, email: string): Promise<Bound> {
  const { org } = arrival;
  const member = await memberByName(tx, org, email);
  if (member === undefined) {
    if (!(await isWelcome(tx, org, email))) return refused('not-a-member');
    const made = await insertArrived(tx, random, arrival, email);
    return { kind: 'verified', member: made, identity: await addProvider(tx, made, arrival) };
  }
  if (member.joinedAt !== null || !sameAddress(member.email, email)) return refused('address-taken');
  if (member.suspendedAt !== null) return refused('suspended');
  if (ADMINISTRATIVE_ROLES.has(member.role)) return refused('needs-invitation');
  const [invitation] = await tx.find('invitation', org, { membership: member.id, status: 'pending' }, 1);
  const open = invitation !== undefined && invitation.expiresAt > tx.now;
  if (!open && !(await isWelcome(tx, org, email))) return refused('invitation-gone');
  return join(tx, arrival, member, invitation);
}

async function found(tx: Tx, parts: BindingParts, arrival: Arrival): Promise<Bound> {
  const { org, issuer, claims, purpose } = arrival;
  const [identity] = await tx.find('identity', org, { issuer, subject: claims.subject, kind: 'sso' }, 1);
  if (identity !== undefined) return known(tx, identity, arrival);
  if (purpose.kind === 'link') {
    const member = await tx.get('membership', org, purpose.membership);
    if (member === undefined) return refused('not-a-member');
    if (!vouchesFor(arrival.connection, member.role)) return refused('not-vouched');
    return { kind: 'verified', member, identity: await addProvider(tx, member, arrival) };
  }
  const email = addressOf(claims.email);
  if (email === undefined) return refused('no-email');
  if (!claims.emailVerified) return refused('unverified-email');
  return purpose.kind === 'invitation'
    ? invited(tx, parts, arrival, purpose.link, email)
    : byAddress(tx, parts.random, arrival, email);
}

/** Runs in a write of the organization and the installation. What is refused may still have been written (who waits). */
export async function bindArrival(tx: Tx, parts: BindingParts, arrival: Arrival): Promise<Bound> {
  const { org, connection } = arrival;
  const present = await tx.get('ssoConnection', org, connection.id);
  // What was asked may have been another provider than the one that is named now.
  if (present?.updatedAt !== connection.updatedAt) return refused('gone');
  const bound = await found(tx, parts, arrival);
  if (bound.kind === 'refused') return bound;
  const { member } = bound;
  switch (memberState(member)) {
    case 'suspended':
      return refused('suspended');
    case 'needs-approval':
      return refused('not-approved');
    case 'invited':
      return refused('not-a-member');
    case 'active':
  }
  const { groups } = arrival.claims;
  if (groups !== undefined) await syncDirectoryGroups(tx, member, arrival.issuer, groups);
  return bound;
}
