/**
 * Second factors: one-time codes of an app, and recovery codes for the day the app is lost. A factor belongs to an account,
 * in one organization or everywhere, like the identity that the person was signed in with when setting it up; that of the
 * organization goes before.
 */
import type { Identity, Membership } from '../domain/model/people.ts';
import { loginName } from '../domain/organizations/names.ts';
import { insertIdentity } from '../domain/people/new-identity.ts';
import type { SealedPlace, Sealer } from '../domain/ports/sealer.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import { type Random, randomText } from '../kernel/random.ts';
import type { AttemptLimiter } from './attempt-limiter.ts';
import { matchedStep, TOTP_SECRET_BYTES, totpUri } from './totp.ts';

const RECOVERY_CODES = 10;
/** Of letters and digits that are not taken for each other: 79 bits, so a plain hash is enough. */
const RECOVERY_LENGTH = 16;
const RECOVERY_ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const RECOVERY_CODE = /^[a-z0-9]{16}$/u;
const FAILURES = 10;

export interface NewFactor {
  /** Shown to the person, and given back to `enroll`: base64. */
  readonly secret: string;
  readonly uri: string;
}

export interface SecondFactors {
  /** The factor that signing in as this member takes. */
  of(member: Pick<Membership, 'org' | 'account'>): Promise<Identity | undefined>;
  /** Whether the code is right; uses it up. Errors: `rate_limited`. */
  verify(factor: Identity, member: Membership, code: string): Promise<boolean>;
  /** A secret that nobody has yet. `name`: what an app calls the account; default the login. */
  propose(issuer: string, member: Membership, name?: string): NewFactor;
  /**
   * Sets a factor up, once the person has shown a right code of it. Undefined for a wrong code; else the recovery codes,
   * shown once. Errors: `conflict` (there is one), `rate_limited`.
   * @param org where it is to hold: the member's organization, or 0 for everywhere
   */
  enroll(
    member: Membership,
    org: number,
    secret: string,
    code: string,
  ): Promise<{ readonly factor: Identity; readonly recoveryCodes: readonly string[] } | undefined>;
  /** Removes it against a right code. */
  remove(factor: Identity, member: Membership, code: string): Promise<boolean>;
}

export interface SecondFactorsParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly sealer: Sealer;
  readonly limiter: AttemptLimiter;
}

const placeOf = ({ org, id }: Pick<Identity, 'org' | 'id'>): SealedPlace => ({
  kind: 'identity',
  org,
  key: id,
  column: 'sealed',
});

interface FactorData {
  readonly lastStep: number;
  /** SHA-256, hex. */
  readonly recovery: readonly string[];
}

function dataOf({ data }: Identity): FactorData {
  const { lastStep, recovery } = data;
  return {
    lastStep: typeof lastStep === 'number' ? lastStep : 0,
    recovery: Array.isArray(recovery) ? recovery.filter((hash) => typeof hash === 'string') : [],
  };
}

/** The factor of an account that counts in an organization. */
export async function factorOf(
  reader: Pick<Reader, 'find'>,
  { org, account }: Pick<Membership, 'org' | 'account'>,
): Promise<Identity | undefined> {
  for (const place of [org, INSTALLATION]) {
    const [factor] = await reader.find('identity', place, { account, kind: 'totp' }, 1);
    if (factor !== undefined) return factor;
  }
  return undefined;
}

export function createSecondFactors(parts: SecondFactorsParts): SecondFactors {
  const { store, clock, random, sealer, limiter } = parts;
  const secretOf = (factor: Identity): Buffer =>
    Buffer.from(sealer.open(factor.sealed ?? '', placeOf(factor)), 'base64');

  const attempt = async <T>(
    member: Membership,
    work: () => Promise<T | undefined>,
  ): Promise<T | undefined> => {
    const keys = [{ key: `factor ${member.org} ${member.id}`, limit: FAILURES }];
    limiter.check(keys);
    // Counted before it is tried: of many that come at once no more are tried than of those that come one by one.
    limiter.failed(keys);
    const done = await work();
    if (done !== undefined) for (const { key } of keys) limiter.succeeded(key);
    return done;
  };

  const write = <T>(member: Membership, org: number, work: (tx: Tx) => Promise<T>): Promise<T> => {
    const by = { kind: 'membership', id: String(member.id), name: loginName(member) } as const;
    return store.write({ orgs: [...new Set([org, member.org])], by, origin: 'native-api' }, work);
  };

  /** What the factor is after this code; undefined when the code is wrong. */
  const afterCode = (factor: Identity, code: string, now: number): FactorData | undefined => {
    const data = dataOf(factor);
    const typed = code.toLowerCase().replace(/[\s-]/gu, '');
    const lastStep = matchedStep(secretOf(factor), typed, now, data.lastStep);
    if (lastStep !== undefined) return { ...data, lastStep };
    if (!RECOVERY_CODE.test(typed)) return undefined;
    const hash = sha256Hex(typed);
    if (!data.recovery.includes(hash)) return undefined;
    return { ...data, recovery: data.recovery.filter((other) => other !== hash) };
  };

  const use = (
    factor: Identity,
    member: Membership,
    code: string,
    end: (tx: Tx, present: Identity, data: FactorData) => Promise<void>,
  ) =>
    attempt(member, () =>
      write(member, factor.org, async (tx) => {
        // Read in the write: of two who show the same code at once, one is late.
        const present = await tx.get('identity', factor.org, factor.id);
        const data = present === undefined ? undefined : afterCode(present, code, tx.now);
        if (present === undefined || data === undefined) return undefined;
        await end(tx, present, data);
        return true;
      }),
    );

  const audit = (tx: Tx, org: number, member: Membership, verb: 'verify' | 'create' | 'delete'): void =>
    tx.audit(org, {
      verb,
      objectKind: 'identity',
      objectId: member.account,
      objectName: loginName(member),
      details: 'second factor',
    });

  return {
    of: (member) => factorOf(store, member),
    verify: async (factor, member, code) =>
      (await use(factor, member, code, async (tx, { org, id }, data) => {
        await tx.update('identity', org, id, { data: { ...data }, lastUsed: tx.now });
        audit(tx, org, member, 'verify');
      })) === true,
    propose: (issuer, member, name = loginName(member)) => {
      const secret = Buffer.from(random.bytes(TOTP_SECRET_BYTES));
      return { secret: secret.toString('base64'), uri: totpUri(secret, issuer, name) };
    },
    enroll: (member, org, secret, code) =>
      attempt(member, async () => {
        const typed = code.replace(/\s/gu, '');
        const lastStep = matchedStep(Buffer.from(secret, 'base64'), typed, clock.now(), 0);
        if (lastStep === undefined) return undefined;
        const recoveryCodes = Array.from({ length: RECOVERY_CODES }, () =>
          randomText(random, RECOVERY_LENGTH, RECOVERY_ALPHABET),
        );
        const factor = await write(member, org, async (tx) => {
          if ((await factorOf(tx, member)) !== undefined) {
            throw new AppError('conflict', 'there is a second factor already');
          }
          const id = tx.newId();
          const made = await insertIdentity(tx, {
            org,
            id,
            account: member.account,
            kind: 'totp',
            issuer: 'totp',
            subject: String(member.account),
            sealed: sealer.seal(secret, placeOf({ org, id })),
            data: { lastStep, recovery: recoveryCodes.map((text) => sha256Hex(text)) },
          });
          audit(tx, org, member, 'create');
          return made;
        });
        return { factor, recoveryCodes };
      }),
    remove: async (factor, member, code) =>
      (await use(factor, member, code, async (tx, { org, id }) => {
        await tx.remove('identity', org, id);
        audit(tx, org, member, 'delete');
      })) === true,
  };
}
