/**
 * Passkeys: set up, renamed, and shown to sign in, alone or after a password. Like every way to sign in, one belongs to an
 * account, everywhere or in one organization, as the session that set it up. The handle that a passkey gives back names the
 * organization where to look: passkeys are never searched across organizations.
 */
import type { Actor } from '../../domain/access/actor.ts';
import type { Identity, Membership, Organization } from '../../domain/model/people.ts';
import { displayName, loginName } from '../../domain/organizations/names.ts';
import { acceptInvitation } from '../../domain/people/invitation-acceptance.ts';
import { openedBy } from '../../domain/people/invite-link.ts';
import { joinByName, joiningBy } from '../../domain/people/link-invites.ts';
import { memberState } from '../../domain/people/member-state.ts';
import { insertIdentity } from '../../domain/people/new-identity.ts';
import type { KeyedTexts } from '../../domain/ports/keyed-texts.ts';
import type { Sealer } from '../../domain/ports/sealer.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import type { Random } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import type { AttemptLimiter } from '../attempt-limiter.ts';
import { takesLogin } from '../login-rules.ts';
import {
  type Ceremonies,
  createCeremonies,
  credentialsOf,
  type NewPasskey,
  type OpenCeremony,
  type Prepared,
  passkeyData,
  type RelyingParty,
} from './ceremony.ts';

const PASSKEY_ISSUER = 'passkey';
const MAX_PASSKEYS = 20;
const MAX_NAME = 60;
const MAX_LOGIN_LENGTH = 320;
const FAILURES_PER_ADDRESS = 100;

type Member = Extract<Actor, { readonly kind: 'member' }>;

export type PasskeyOutcome =
  | {
      readonly kind: 'verified';
      readonly member: Membership;
      readonly identity: Identity;
      /** There are other organizations that the person may choose instead. */
      readonly choice: boolean;
    }
  | { readonly kind: 'refused'; readonly reason: 'passkey' | 'suspended' | 'not-approved' | 'passwords-off' };

export interface Passkeys {
  /** Those with which a member may sign in, of the organization and of everywhere. */
  of(member: Pick<Membership, 'org' | 'account'>): Promise<Identity[]>;
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
  /** Errors: `not_found`, `invalid`. */
  change(actor: Member, id: number, patch: { name?: string; afterPassword?: boolean }): Promise<void>;
  /** For whoever chooses a passkey of their own. */
  prepareSignIn(rp: RelyingParty, browser: string): Promise<Prepared>;
  /** For whoever said a name. What comes back does not tell whether somebody has it. */
  prepareSignInAs(org: number, login: string, rp: RelyingParty, browser: string): Promise<Prepared>;
  /** Errors: `rate_limited`. */
  signIn(request: {
    readonly rp: RelyingParty;
    readonly browser: string;
    readonly state: string;
    readonly answer: string;
    readonly address: string;
  }): Promise<PasskeyOutcome>;
  prepareFactor(member: Membership, rp: RelyingParty, browser: string): Promise<Prepared | undefined>;
  /** The passkey that was shown after a password; undefined when it was not right. Errors: `rate_limited`. */
  verifyFactor(
    member: Membership,
    rp: RelyingParty,
    browser: string,
    state: string,
    answer: string,
  ): Promise<Identity | undefined>;
}

export interface PasskeysParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
  readonly limiter: AttemptLimiter;
  readonly keyedTexts: KeyedTexts;
  /** Finds a member by what they type. */
  readonly findMember: (org: number, login: string) => Promise<Membership | undefined>;
}

/** Everywhere, and in an organization. */
export async function passkeysOf(
  reader: Pick<Reader, 'find'>,
  { org, account }: Pick<Membership, 'org' | 'account'>,
): Promise<Identity[]> {
  const found: Identity[] = [];
  for (const place of [org, INSTALLATION]) {
    found.push(...(await reader.find('identity', place, { account, kind: 'passkey' })));
  }
  return found;
}

/** Whether one of them is asked for after a password. */
export const asksAfterPassword = (passkeys: readonly Identity[]): boolean =>
  passkeys.some((passkey) => passkeyData(passkey).afterPassword);

/** What a passkey says of whose it is: where to look, and a text that is the account's and tells nothing of it. */
const handleOf = (org: number, account: number): string =>
  `${org}.${sha256Hex(`passkey ${org} ${account}`).slice(0, 40)}`;
const HANDLE = /^(\d{1,16})\.[0-9a-f]{40}$/u;

function checkName(text: string): string {
  const name = text.trim() || 'Passkey';
  if (name.length > MAX_NAME) throw invalid(`must not exceed ${MAX_NAME} characters`, 'name');
  if (/\p{Cc}/u.test(name)) throw invalid('must not contain control characters', 'name');
  return name;
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

const WRONG: PasskeyOutcome = { kind: 'refused', reason: 'passkey' };

export function createPasskeys(parts: PasskeysParts): Passkeys {
  const { store, clock, random, limiter, findMember, sealer, keyedTexts } = parts;
  const ceremonies: Ceremonies = createCeremonies({ sealer, clock, random });

  const accept = async (tx: Tx, member: Membership, link: string): Promise<void> => {
    const open = await openedBy(tx, keyedTexts, link, tx.now);
    if (open?.member === undefined || open.member.org !== member.org || open.member.id !== member.id)
      throw gone();
    await acceptInvitation(tx, open.member, open.invitation);
  };
  const by = (member: Membership) =>
    ({ kind: 'membership', id: String(member.id), name: loginName(member) }) as const;

  /** Uses the challenge up and keeps the counter. False when somebody was faster, or the passkey went. */
  const use = (
    member: Membership,
    passkey: Identity,
    open: OpenCeremony,
    counter: number,
  ): Promise<boolean> =>
    store.write(
      { orgs: [...new Set([passkey.org, member.org])], by: by(member), origin: 'native-api' },
      async (tx) => {
        const present = await tx.get('identity', passkey.org, passkey.id);
        if (present === undefined) return false;
        const data = passkeyData(present);
        const hash = sha256Hex(open.challenge);
        const used = data.used.filter(({ until }) => until > tx.now);
        // A copy of a passkey counts on by itself; one that does not count says 0 always.
        const behind = counter !== 0 && counter <= data.counter;
        if (behind || used.some((other) => other.hash === hash)) return false;
        await tx.update('identity', passkey.org, passkey.id, {
          data: { ...data, counter, used: [...used, { hash, until: open.expiresAt }] },
          lastUsed: tx.now,
        });
        tx.audit(passkey.org, {
          verb: 'verify',
          objectKind: 'identity',
          objectId: member.account,
          objectName: loginName(member),
          details: `passkey ${data.name}`,
        });
        return true;
      },
    );

  /** The organization that a passkey opens: its own, the one that was named, or the first that takes it. */
  const memberFor = async (identity: Identity, named: number): Promise<PasskeyOutcome> => {
    const { account } = identity;
    const place = identity.org === INSTALLATION ? named : identity.org;
    if (place !== INSTALLATION) {
      const [member] = await store.find('membership', place, { account }, 1);
      if (member === undefined) return WRONG;
      const state = memberState(member);
      if (state === 'suspended') return { kind: 'refused', reason: 'suspended' };
      if (state !== 'active') return { kind: 'refused', reason: 'not-approved' };
      if (!(await takesLogin(store, member, 'passkey'))) return { kind: 'refused', reason: 'passwords-off' };
      return { kind: 'verified', member, identity, choice: false };
    }
    const memberships = await store.queries.accountMemberships(account);
    for (const { org, membership } of memberships) {
      const member = await store.get('membership', org, membership);
      if (member !== undefined && (await takesLogin(store, member, 'passkey'))) {
        return { kind: 'verified', member, identity, choice: memberships.length > 1 };
      }
    }
    return { kind: 'refused', reason: 'not-approved' };
  };

  /** Where the answer says that its passkey is, held against who was asked. */
  const find = async (open: OpenCeremony, answer: string): Promise<Identity | undefined> => {
    const claimed = ceremonies.claimed(answer);
    if (claimed === undefined || open.ceremony.kind === 'register') return undefined;
    const { org, account } = open.ceremony;
    const handle = HANDLE.exec(claimed.userHandle ?? '');
    const places = handle === null ? (account === undefined ? [] : [org, INSTALLATION]) : [Number(handle[1])];
    for (const place of places) {
      if (!Number.isSafeInteger(place)) continue;
      // One of another organization may be whoever's that organization's administrators let set it up.
      if (account !== undefined && place !== org && place !== INSTALLATION) continue;
      const where = { issuer: PASSKEY_ISSUER, subject: claimed.id, kind: 'passkey' } as const;
      const [identity] = await store.find('identity', place, where, 1);
      if (identity === undefined) continue;
      if (account !== undefined && identity.account !== account) return undefined;
      if (claimed.userHandle !== undefined && claimed.userHandle !== handleOf(place, identity.account))
        return undefined;
      return identity;
    }
    return undefined;
  };

  return {
    of: (member) => passkeysOf(store, member),
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
      return store.write({ orgs, by: by(member), origin: 'native-api' }, async (tx) => {
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
    change: async (actor, id, { name, afterPassword }) => {
      const session =
        actor.credential === null
          ? undefined
          : await store.get('session', actor.org, { credential: actor.credential.id });
      if (session === undefined) throw new AppError('forbidden', 'sign in for that');
      const places = session.identityOrg === INSTALLATION ? [INSTALLATION, actor.org] : [actor.org];
      const orgs = [...new Set([...places, actor.org])];
      const who = { kind: 'membership', id: String(actor.membership), name: actor.name } as const;
      await store.write({ orgs, by: who, origin: 'native-api' }, async (tx) => {
        for (const place of places) {
          const identity = await tx.get('identity', place, id);
          if (identity?.kind !== 'passkey' || identity.account !== session.account) continue;
          const data = passkeyData(identity);
          await tx.update('identity', place, id, {
            data: {
              ...data,
              ...(name === undefined ? {} : { name: checkName(name) }),
              ...(afterPassword === undefined ? {} : { afterPassword }),
            },
          });
          tx.audit(place, {
            verb: 'update',
            objectKind: 'identity',
            objectId: identity.account,
            objectName: actor.name,
            details: 'passkey',
          });
          return;
        }
        throw notFound('passkey');
      });
    },
    prepareSignIn: (rp, browser) =>
      ceremonies.prepareAssertion({
        rp,
        browser,
        ceremony: { kind: 'sign-in', org: INSTALLATION, account: undefined },
        passkeys: [],
        userVerification: 'required',
      }),
    prepareSignInAs: async (org, login, rp, browser) => {
      const member = await findMember(org, login);
      const own = member === undefined ? [] : await passkeysOf(store, member);
      const decoy = keyedTexts.sign('passkey decoy', [org, normalizeKey(login).slice(0, MAX_LOGIN_LENGTH)]);
      return ceremonies.prepareAssertion({
        rp,
        browser,
        ceremony: { kind: 'sign-in', org, account: member?.account ?? 0 },
        // Who has none is asked for one that nobody has.
        passkeys:
          own.length > 0
            ? credentialsOf(own)
            : [{ id: Buffer.from(decoy, 'hex').toString('base64url'), transports: ['internal'] }],
        userVerification: 'required',
      });
    },
    signIn: async ({ rp, browser, state, answer, address }) => {
      const keys = [{ key: `passkey address ${address}`, limit: FAILURES_PER_ADDRESS }];
      limiter.check(keys);
      const open = ceremonies.open(state, browser, 'sign-in');
      const identity = open === undefined ? undefined : await find(open, answer);
      const counter =
        open === undefined || identity === undefined
          ? undefined
          : await ceremonies.asserted(open, rp, answer, identity, true);
      if (open === undefined || identity === undefined || counter === undefined) {
        limiter.failed(keys);
        return WRONG;
      }
      const outcome = await memberFor(identity, open.ceremony.org);
      if (outcome.kind === 'refused') return outcome;
      return (await use(outcome.member, identity, open, counter)) ? outcome : WRONG;
    },
    prepareFactor: async (member, rp, browser) => {
      const own = (await passkeysOf(store, member)).filter((passkey) => passkeyData(passkey).rpId === rp.id);
      if (own.length === 0) return undefined;
      return ceremonies.prepareAssertion({
        rp,
        browser,
        ceremony: { kind: 'factor', org: member.org, account: member.account },
        passkeys: credentialsOf(own),
        userVerification: 'preferred',
      });
    },
    verifyFactor: async (member, rp, browser, state, answer) => {
      const keys = [{ key: `factor ${member.org} ${member.id}`, limit: 10 }];
      limiter.check(keys);
      const open = ceremonies.open(state, browser, 'factor');
      const fits = open?.ceremony.account === member.account && open.ceremony.org === member.org;
      const identity = open === undefined || !fits ? undefined : await find(open, answer);
      const counter =
        open === undefined || identity === undefined
          ? undefined
          : await ceremonies.asserted(open, rp, answer, identity, false);
      const right =
        open !== undefined &&
        identity !== undefined &&
        counter !== undefined &&
        (await use(member, identity, open, counter));
      if (!right) {
        limiter.failed(keys);
        return undefined;
      }
      return identity;
    },
  };
}
