/**
 * Joining by a link that anybody may use, once: the member is made when it is used, as whoever is signed in, or with a name and a
 * password of this organization. An address that somebody types proves nothing, and a policy file names people by theirs, so who
 * joins with a new account has none.
 */
import type { Clock } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, byOf } from '../access/actor.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Invitation, Membership, Organization, Role } from '../model/people.ts';
import type { KeyedTexts } from '../ports/keyed-texts.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';
import { readSettings } from '../settings/settings.ts';
import { acceptInvitation } from './invitation-acceptance.ts';
import { requireAccount, requireLetOut } from './invitation-by-account.ts';
import { countTry, readInviteLink } from './invite-link.ts';
import { requireFreeAddress } from './invited-member.ts';
import { memberByName } from './member-by-name.ts';
import { checkPlainUsername, MAX_USERNAME, MIN_USERNAME } from './member-rules.ts';
import { insertAuditedAccount, insertMember } from './new-member.ts';
import { requireLength, setOrganizationPassword } from './organization-password.ts';

export interface LinkInvite {
  readonly invitation: Invitation;
  readonly organization: Organization;
  readonly role: Role;
}

export interface LinkInvites {
  /** Undefined for a link that opens nothing (any more). Counts wrong tries. */
  find(link: string): Promise<LinkInvite | undefined>;
  /** Errors: `not_found`, `invalid` (name, password), `taken` (name), `conflict` (no passwords here). */
  join(link: string, name: string, password: string): Promise<Membership>;
  /**
   * As the account of a session that is good everywhere. Errors: `not_found`, `forbidden` (another session, or an organization
   * that keeps its people), `conflict` (a member already), `taken` (the account's address is somebody's here).
   */
  joinAs(actor: Actor, link: string, origin: AuditOrigin): Promise<Membership>;
}

export interface LinkInvitesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly keyedTexts: Pick<KeyedTexts, 'sign'>;
  readonly hashPassword: (password: string) => Promise<string>;
}

type Person = Pick<Membership, 'account' | 'username' | 'email'> &
  Partial<Pick<Membership, 'displayName' | 'givenName' | 'familyName' | 'avatarUrl'>>;

const gone = (): AppError => new AppError('not_found', 'this invitation is not open any more');

export function createLinkInvites(parts: LinkInvitesParts): LinkInvites {
  const { store, clock, random, keyedTexts, hashPassword } = parts;

  const openOf = async (link: string): Promise<Invitation | undefined> => {
    const { open, wrong } = await readInviteLink(store, keyedTexts, link, clock.now());
    if (wrong !== undefined) await countTry(store, wrong);
    return open;
  };
  const requireOpen = async (tx: Reader, link: string, now: number): Promise<Invitation> => {
    const { open } = await readInviteLink(tx, keyedTexts, link, now);
    if (open === undefined) throw gone();
    return open;
  };

  const accept = async (tx: Tx, invitation: Invitation, person: Person): Promise<Membership> => {
    const { org, role, byKind, byId, byName } = invitation;
    const member = await insertMember(tx, random, {
      ...person,
      org,
      role: role ?? 'member',
      ...{ byKind, byId, byName },
    });
    await tx.update('invitation', org, invitation.id, { membership: member.id });
    return acceptInvitation(tx, member, invitation);
  };

  return {
    find: async (link) => {
      const invitation = await openOf(link);
      const organization = invitation && (await store.get('organization', INSTALLATION, invitation.org));
      if (organization === undefined || invitation === undefined) return undefined;
      return { invitation, organization, role: invitation.role ?? 'member' };
    },

    join: async (link, name, password) => {
      const username = checkPlainUsername(name.trim(), 'name');
      requireLength(password);
      const found = await openOf(link);
      // Hashing is dear: only whoever holds a link may ask for it.
      if (found === undefined) throw gone();
      const { org } = found;
      if (!(await readSettings(store, org)).password_login) {
        throw new AppError('conflict', 'this organization takes no passwords');
      }
      const secretHash = await hashPassword(password);
      const by = { kind: 'system', id: '', name: `link-${found.id}` } as const;
      return store.write({ orgs: [INSTALLATION, org], by, origin: 'native-api' }, async (tx) => {
        const invitation = await requireOpen(tx, link, tx.now);
        if ((await memberByName(tx, org, username)) !== undefined) {
          throw new AppError('taken', 'somebody has this name already', { field: 'name' });
        }
        const account = await insertAuditedAccount(tx, username, true);
        const member = await accept(tx, invitation, {
          account: account.id,
          username,
          email: null,
        });
        await setOrganizationPassword(tx, member, secretHash);
        return member;
      });
    },

    joinAs: async (actor, link, origin) => {
      const found = await openOf(link);
      if (found === undefined) throw gone();
      const { org } = found;
      const self = await requireAccount(store, actor);
      const context = { orgs: [...new Set([INSTALLATION, actor.org, org])], by: byOf(actor), origin };
      return store.write(context, async (tx) => {
        const invitation = await requireOpen(tx, link, tx.now);
        if (actor.org !== org) await requireLetOut(tx, self);
        const { account, displayName, givenName, familyName, avatarUrl } = self;
        const [present] = await tx.find('membership', org, { account }, 1);
        if (present !== undefined) throw new AppError('conflict', 'you are a member already');
        const email = await provenAddress(tx, account);
        if (email !== null) await requireFreeAddress(tx, org, email);
        const username = email ?? (await freeName(tx, org, self.username));
        const person = { account, username, email, displayName, givenName, familyName, avatarUrl };
        return accept(tx, invitation, person);
      });
    },
  };
}

/** The address that a mail proved to be the account's; what an organization wrote on its member proves nothing here. */
async function provenAddress(reader: Reader, account: number): Promise<string | null> {
  const proven = await reader.find('identity', INSTALLATION, { account, emailVerified: true });
  return proven.find(({ email }) => email !== null)?.email ?? null;
}

/** What comes before an @ in the name that somebody has elsewhere, or that with a number. */
async function freeName(tx: Tx, org: number, elsewhere: string): Promise<string> {
  const plain = (elsewhere.split('@')[0] ?? '').replace(/[^A-Za-z0-9.-]+/gu, '-').slice(0, MAX_USERNAME / 2);
  const base = plain.length < MIN_USERNAME ? `user-${plain}` : plain;
  const isTaken = async (name: string) => (await memberByName(tx, org, name)) !== undefined;
  const name = (await isTaken(base)) ? `${base}-${tx.newId()}` : base;
  if (await isTaken(name)) throw invalid('no name is free', 'name');
  return name;
}
