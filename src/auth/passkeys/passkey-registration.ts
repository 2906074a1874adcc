/**
 * Setting passkeys up: by a member, who may accept an invitation with it, and by a newcomer, who joins with it. Like every way
 * to sign in, a passkey belongs to an account, everywhere or in one organization, as the session that set it up.
 */
import type { Identity, Membership, Organization } from '../../domain/model/people.ts';
import { displayName, loginName } from '../../domain/organizations/names.ts';
import { acceptInvitation } from '../../domain/people/invitation-acceptance.ts';
import { openedBy } from '../../domain/people/invite-link.ts';
import { joinByName, joiningBy } from '../../domain/people/link-invites.ts';
import { insertIdentity } from '../../domain/people/new-identity.ts';
import type { KeyedTexts } from '../../domain/ports/keyed-texts.ts';
import { INSTALLATION, type Store, type Tx } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import type { Ceremonies, NewPasskey, Prepared, RelyingParty } from './ceremony.ts';
import { byMember, checkName, handleOf, PASSKEY_ISSUER, passkeysOf } from './passkey-rows.ts';

const MAX_PASSKEYS = 20;

export interface PasskeyRegistration {
  /** For a new passkey of a member. @param org where it is to hold: the member's organization, or 0 for everywhere */
  prepareRegistration(member: Membership, org: number, rp: RelyingParty, browser: string): Promise<Prepared>;
  /** Errors: `invalid` (the answer, the name), `conflict` (too many, or there already), `not_found` (the invitation). */
  register(request: {
    readonly member: Membership;
    readonly org: number;
    readonly rp: RelyingParty;
    readonly browser: string;
    readonly state: string;
    readonly answer: string;
    readonly name: string;
    readonly afterPassword: boolean;
    /** The link of the member's invitation, which is accepted with it. */
    readonly invitation?: string;
  }): Promise<Identity>;
  /** For the passkey of somebody who is nobody yet in an organization. The browser's script fills in their name. */
  prepareNewcomer(
    organization: Pick<Organization, 'id' | 'label'>,
    rp: RelyingParty,
    browser: string,
  ): Promise<Prepared>;
  /**
   * Joins by the link of an invitation that names nobody, by a name and a passkey, both good in its organization. Errors:
   * `invalid` (the answer, the name), `taken` (name), `conflict` (the passkey), `not_found` (the invitation).
   */
  join(request: {
    readonly link: string;
    readonly name: string;
    readonly rp: RelyingParty;
    readonly browser: string;
    readonly state: string;
    readonly answer: string;
  }): Promise<Membership>;
}

export interface PasskeyRegistrationParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly keyedTexts: KeyedTexts;
  readonly ceremonies: Ceremonies;
}

const gone = (): AppError => new AppError('not_found', 'this invitation is not open any more');

const wrongRegistration = (): AppError =>
  invalid('the passkey could not be set up, or it took too long. Try again.', 'passkey');

/** A passkey as it is set up: where it holds, whose it is, and what it is called. */
interface NewIdentity {
  readonly org: number;
  readonly account: number;
  readonly made: NewPasskey;
  readonly name: string;
  readonly rp: RelyingParty;
  readonly afterPassword: boolean;
  /** An address that is proven to be theirs. */
  readonly email: string | null;
}

/** Errors: `conflict` (it is there already). The audit event is the caller's. */
async function insertPasskey(tx: Tx, given: NewIdentity): Promise<Identity> {
  const { org, account, made, name, rp, afterPassword, email } = given;
  const [present] = await tx.find('identity', org, { issuer: PASSKEY_ISSUER, subject: made.id }, 1);
  if (present !== undefined) throw new AppError('conflict', 'this passkey is set up already');
  const { counter, transports } = made;
  return insertIdentity(tx, {
    org,
    account,
    kind: 'passkey',
    issuer: PASSKEY_ISSUER,
    subject: made.id,
    email,
    emailVerified: email !== null,
    secretHash: made.publicKey,
    data: { name, counter, transports, rpId: rp.id, afterPassword, used: [] },
  });
}

function auditPasskey(tx: Tx, place: number, member: Membership, name: string): void {
  tx.audit(place, {
    verb: 'create',
    objectKind: 'identity',
    objectId: member.account,
    objectName: loginName(member),
    details: `passkey ${name}`,
  });
}

export function createPasskeyRegistration({
  store,
  clock,
  random,
  keyedTexts,
  ceremonies,
}: PasskeyRegistrationParts): PasskeyRegistration {
  const accept = async (tx: Tx, member: Membership, link: string): Promise<void> => {
    const open = await openedBy(tx, keyedTexts, link, tx.now);
    if (open?.member === undefined || open.member.org !== member.org || open.member.id !== member.id)
      throw gone();
    await acceptInvitation(tx, open.member, open.invitation);
  };

  return {
    prepareRegistration: async (member, org, rp, browser) =>
      ceremonies.prepareRegistration({
        rp,
        browser,
        ceremony: { kind: 'register', org, account: member.account },
        userHandle: handleOf(org, member.account),
        login: loginName(member),
        displayName: displayName(member),
        present: await passkeysOf(store, member),
      }),
    register: async ({ member, org, rp, browser, state, answer, name, afterPassword, invitation }) => {
      const open = ceremonies.open(state, browser, 'register');
      const { ceremony } = open ?? {};
      if (open === undefined || ceremony?.account !== member.account || ceremony.org !== org)
        throw wrongRegistration();
      const shownName = checkName(name);
      const made = await ceremonies.registered(open, rp, answer);
      if (made === undefined) throw wrongRegistration();
      const orgs = [...new Set([INSTALLATION, org, member.org])];
      return store.write({ orgs, by: byMember(member), origin: 'native-api' }, async (tx) => {
        if ((await passkeysOf(tx, member)).length >= MAX_PASSKEYS) {
          throw new AppError('conflict', `there are ${MAX_PASSKEYS} passkeys already: remove one first`);
        }
        if (invitation !== undefined) await accept(tx, member, invitation);
        const identity = await insertPasskey(tx, {
          ...{ org, account: member.account, made, name: shownName, rp, afterPassword },
          // An invitation that makes something good everywhere came by a mail to this address.
          email: invitation !== undefined && org === INSTALLATION ? member.emailKey : null,
        });
        for (const place of new Set([org, member.org])) auditPasskey(tx, place, member, shownName);
        return identity;
      });
    },
    prepareNewcomer: async ({ id: org, label }, rp, browser) => {
      // The account is made with the passkey; what the passkey says of whose it is has to be said before.
      const account = await store.newId();
      return ceremonies.prepareRegistration({
        rp,
        browser,
        ceremony: { kind: 'register', org, account },
        userHandle: handleOf(org, account),
        login: label,
        displayName: label,
        present: [],
      });
    },
    join: async ({ link, name, rp, browser, state, answer }) => {
      const open = ceremonies.open(state, browser, 'register');
      const found = await openedBy(store, keyedTexts, link, clock.now());
      if (found === undefined) throw gone();
      const { org } = found.invitation;
      const account = open?.ceremony.org === org ? open.ceremony.account : undefined;
      if (open === undefined || account === undefined) throw wrongRegistration();
      const made = await ceremonies.registered(open, rp, answer);
      if (made === undefined) throw wrongRegistration();
      const context = {
        orgs: [INSTALLATION, org],
        by: joiningBy(found.invitation),
        origin: 'native-api',
      } as const;
      return store.write(context, async (tx) => {
        const present = await openedBy(tx, keyedTexts, link, tx.now);
        if (present === undefined || present.member !== undefined) throw gone();
        // An answer of somebody who is a member already, as which they were to add a passkey.
        if ((await tx.get('account', INSTALLATION, account)) !== undefined) throw wrongRegistration();
        const member = await joinByName(tx, random, present.invitation, name, account);
        const shown = checkName('');
        const passkey = { org, account, made, name: shown, rp, afterPassword: false, email: null };
        await insertPasskey(tx, passkey);
        auditPasskey(tx, org, member, shown);
        return member;
      });
    },
  };
}
