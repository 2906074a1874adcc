/**
 * Passkeys: renamed, and shown to sign in, alone or after a password. The handle that a passkey gives back names the
 * organization where to look: passkeys are never searched across organizations.
 */
import type { Actor } from '../../domain/access/actor.ts';
import type { Identity, Membership } from '../../domain/model/people.ts';
import { loginName } from '../../domain/organizations/names.ts';
import { memberState } from '../../domain/people/member-state.ts';
import type { KeyedTexts } from '../../domain/ports/keyed-texts.ts';
import type { Sealer } from '../../domain/ports/sealer.ts';
import { INSTALLATION, type Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import { AppError, notFound } from '../../kernel/errors.ts';
import { sha256Hex } from '../../kernel/hash.ts';
import type { Random } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import type { AttemptLimiter } from '../attempt-limiter.ts';
import { takesLogin } from '../login-rules.ts';
import {
  createCeremonies,
  credentialsOf,
  type OpenCeremony,
  type Prepared,
  passkeyData,
  type RelyingParty,
} from './ceremony.ts';
import { createPasskeyRegistration, type PasskeyRegistration } from './passkey-registration.ts';
import { byMember, checkName, handleOf, PASSKEY_ISSUER, passkeysOf, placeOfHandle } from './passkey-rows.ts';

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

export interface Passkeys extends PasskeyRegistration {
  /** Those with which a member may sign in, of the organization and of everywhere. */
  of(member: Pick<Membership, 'org' | 'account'>): Promise<Identity[]>;
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

const WRONG: PasskeyOutcome = { kind: 'refused', reason: 'passkey' };

export function createPasskeys(parts: PasskeysParts): Passkeys {
  const { store, clock, random, limiter, findMember, sealer, keyedTexts } = parts;
  const ceremonies = createCeremonies({ sealer, clock, random });

  /** Uses the challenge up and keeps the counter. False when somebody was faster, or the passkey went. */
  const use = (
    member: Membership,
    passkey: Identity,
    open: OpenCeremony,
    counter: number,
  ): Promise<boolean> =>
    store.write(
      { orgs: [...new Set([passkey.org, member.org])], by: byMember(member), origin: 'native-api' },
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
    const told = placeOfHandle(claimed.userHandle ?? '');
    const places = told === undefined ? (account === undefined ? [] : [org, INSTALLATION]) : [told];
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
    ...createPasskeyRegistration({ store, clock, random, keyedTexts, ceremonies }),
    of: (member) => passkeysOf(store, member),
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
