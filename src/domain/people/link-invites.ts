/**
 * Joining by the link that whoever invites is shown, once. Where the invitation names nobody, the member is made when it is
 * used: as whoever is signed in, or by a name of this organization. An address that somebody types proves nothing, and a policy
 * file names people by theirs, so who joins by a name has none.
 */
import type { Clock } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { byOf } from '../access/actor.ts';
import type { Invitation, Membership } from '../model/people.ts';
import type { KeyedTexts } from '../ports/keyed-texts.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';
import {
  acceptInvitation,
  foundInvitation,
  type InvitationDoor,
  type OpenedInvitation,
  withMember,
} from './invitation-acceptance.ts';
import { joinAsSelf, requireAccount, requireNewcomer } from './invitation-by-account.ts';
import { countTry, readInviteLink } from './invite-link.ts';
import { requireFreeAddress } from './invited-member.ts';
import { memberByName } from './member-by-name.ts';
import { checkPlainUsername, MAX_USERNAME, MIN_USERNAME } from './member-rules.ts';
import { insertAuditedAccount, insertMember } from './new-member.ts';
import { requireLength, setOrganizationPassword } from './organization-password.ts';

export interface LinkInvitesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly keyedTexts: Pick<KeyedTexts, 'sign'>;
  readonly hashPassword: (password: string) => Promise<string>;
}

/** Who somebody is that becomes a member. */
export type Newcomer = Pick<Membership, 'account' | 'username' | 'email'> &
  Partial<Pick<Membership, 'displayName' | 'givenName' | 'familyName' | 'avatarUrl'>>;

const gone = (): AppError => new AppError('not_found', 'this invitation is not open any more');

/** The member that a link which names nobody makes; what opens the door to them is the caller's. */
export async function joinByLink(
  tx: Tx,
  random: Random,
  invitation: Invitation,
  person: Newcomer,
): Promise<Membership> {
  const { org, role, byKind, byId, byName } = invitation;
  const by = { byKind, byId, byName };
  const member = await insertMember(tx, random, { ...person, org, role: role ?? 'member', ...by });
  await tx.update('invitation', org, invitation.id, { membership: member.id });
  return acceptInvitation(tx, member, invitation);
}

/** The same by a name that the person chose. `account`: an id that was kept for them. Errors: `invalid`, `taken` (name). */
export async function joinByName(
  tx: Tx,
  random: Random,
  invitation: Invitation,
  name: string,
  account?: number,
): Promise<Membership> {
  const username = checkPlainUsername(name.trim(), 'name');
  if ((await memberByName(tx, invitation.org, username)) !== undefined) {
    throw new AppError('taken', 'somebody has this name already', { field: 'name' });
  }
  const { id } = await insertAuditedAccount(tx, username, true, account);
  return joinByLink(tx, random, invitation, { account: id, username, email: null });
}

/** Who writes when somebody joins who is nobody yet. */
export const joiningBy = ({ id }: Invitation) => ({ kind: 'system', id: '', name: `link-${id}` }) as const;

export function createLinkInvites(parts: LinkInvitesParts): InvitationDoor {
  const { store, clock, random, keyedTexts, hashPassword } = parts;

  const openOf = async (link: string): Promise<OpenedInvitation | undefined> => {
    const { open, wrong } = await readInviteLink(store, keyedTexts, link, clock.now());
    if (wrong !== undefined) await countTry(store, wrong);
    return open && withMember(store, open);
  };
  const requireOpen = async (tx: Reader, link: string, now: number): Promise<OpenedInvitation> => {
    const { open } = await readInviteLink(tx, keyedTexts, link, now);
    const opened = open && (await withMember(tx, open));
    if (opened === undefined) throw gone();
    return opened;
  };

  return {
    find: async (link) => {
      const open = await openOf(link);
      // Whoever shows the link to whom: it says nothing about who uses it.
      return open && foundInvitation(store, open, false);
    },

    accept: async (link, { name, password }) => {
      const found = await openOf(link);
      // Hashing is dear: only whoever holds a link may ask for it.
      if (found === undefined) throw gone();
      if (found.member === undefined) checkPlainUsername(name.trim(), 'name');
      requireLength(password);
      const { org } = found.invitation;
      const secretHash = await hashPassword(password);
      const context = {
        orgs: [INSTALLATION, org],
        by: joiningBy(found.invitation),
        origin: 'native-api',
      } as const;
      return store.write(context, async (tx) => {
        const { invitation, member } = await requireOpen(tx, link, tx.now);
        const joined =
          member === undefined
            ? await joinByName(tx, random, invitation, name)
            : await acceptInvitation(tx, member, invitation);
        await setOrganizationPassword(tx, joined, secretHash);
        return joined;
      });
    },

    acceptAs: async (actor, link, origin) => {
      const found = await openOf(link);
      if (found === undefined) throw gone();
      const { org } = found.invitation;
      const self = await requireAccount(store, actor);
      const context = { orgs: [...new Set([INSTALLATION, actor.org, org])], by: byOf(actor), origin };
      return store.write(context, async (tx) => {
        const { invitation, member } = await requireOpen(tx, link, tx.now);
        if (member !== undefined) return joinAsSelf(tx, self, { invitation, member });
        await requireNewcomer(tx, self, org);
        const { account, displayName, givenName, familyName, avatarUrl } = self;
        const email = await provenAddress(tx, account);
        if (email !== null) await requireFreeAddress(tx, org, email);
        const username = email ?? (await freeName(tx, org, self.username));
        const person = { account, username, email, displayName, givenName, familyName, avatarUrl };
        return joinByLink(tx, random, invitation, person);
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
