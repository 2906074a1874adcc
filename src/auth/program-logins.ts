/**
 * Signing a program in by its person's browser. The program shows a link and waits; the person opens it, signs in at the
 * organization's provider, and the program gets a session. Nothing is kept of it but a row for a few minutes, so that the
 * browser may reach another process than the one that the program waits at. No token lies in the row.
 */
import type { Identity, Membership } from '../domain/model/people.ts';
import { INSTALLATION, type Store } from '../domain/ports/store.ts';
import { type Clock, MINUTE } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sha256Hex } from '../kernel/hash.ts';
import { type Random, randomSecret } from '../kernel/random.ts';

export const PROGRAM_LOGIN_LIFETIME = 5 * MINUTE;
const SECRET_LENGTH = 32;
const MAX_WAITING = 200;
const MAX_PER_ADDRESS = 20;
const SWEPT = 100;
/** `<organization>-<secret>`: the organization only says where to look. */
const LINK = /^([1-9]\d{0,15})-([A-Za-z0-9]{32})$/u;

export interface ProgramLogins {
  /** The text of a link that waits for its person. Errors: `rate_limited`. */
  begin(org: number, address: string): Promise<string>;
  /** Undefined for a link that is unknown, used or too old. */
  find(link: string): Promise<{ readonly org: number; readonly address: string } | undefined>;
  /** Says who signed in. False when nobody waits any more. */
  finish(link: string, member: Membership, identity: Identity): Promise<boolean>;
  /** Who signed in, once; null while nobody has. Errors: `not_found` when there is nothing to wait for any more. */
  take(link: string): Promise<{
    readonly member: Membership;
    readonly identity: Identity;
    /** The browser's provider knows, and it is not kept: such a session is never a fresh one. */
    readonly provenAt: 0;
  } | null>;
  /** Waits for it no more. */
  cancel(link: string): Promise<void>;
}

export function createProgramLogins(parts: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}): ProgramLogins {
  const { store, clock, random } = parts;
  const context = (org: number) =>
    ({ orgs: [org], by: { kind: 'system', id: '', name: 'program sign-in' }, origin: 'system' }) as const;
  const placeOf = (link: string): { readonly org: number; readonly ref: string } | undefined => {
    const [, org, secret] = LINK.exec(link) ?? [];
    return secret === undefined ? undefined : { org: Number(org), ref: sha256Hex(secret) };
  };
  const open = async (link: string) => {
    const place = placeOf(link);
    if (place === undefined) return undefined;
    const row = await store.get('programLogin', place.org, { ref: place.ref });
    return row !== undefined && row.expiresAt > clock.now() ? row : undefined;
  };
  const cancel: ProgramLogins['cancel'] = async (link) => {
    const place = placeOf(link);
    if (place === undefined) return;
    await store.write(context(place.org), (tx) => tx.remove('programLogin', place.org, { ref: place.ref }));
  };

  return {
    begin: async (org, address) => {
      const secret = randomSecret(random, SECRET_LENGTH);
      await store.write(context(org), async (tx) => {
        const old = await tx.list('programLogin', org, {
          filters: [{ column: 'expiresAt', operator: '<=', value: tx.now }],
          limit: SWEPT,
          few: true,
        });
        for (const { ref } of old) await tx.remove('programLogin', org, { ref });
        const waiting = await tx.count('programLogin', org);
        const here = await tx.count('programLogin', org, { where: { address } });
        if (waiting >= MAX_WAITING || here >= MAX_PER_ADDRESS) {
          throw new AppError('rate_limited', 'too many programs wait to be signed in, try again later');
        }
        await tx.insert('programLogin', {
          org,
          ref: sha256Hex(secret),
          address,
          membership: 0,
          identity: 0,
          identityOrg: INSTALLATION,
          createdAt: tx.now,
          expiresAt: tx.now + PROGRAM_LOGIN_LIFETIME,
        });
      });
      return `${org}-${secret}`;
    },
    find: async (link) => {
      const row = await open(link);
      return row === undefined || row.membership !== 0 ? undefined : { org: row.org, address: row.address };
    },
    finish: async (link, member, identity) => {
      const place = placeOf(link);
      // A link of one organization signs nobody of another in.
      if (place === undefined || place.org !== member.org) return false;
      return store.write(context(place.org), async (tx) => {
        const row = await tx.get('programLogin', place.org, { ref: place.ref });
        if (row === undefined || row.expiresAt <= tx.now || row.membership !== 0) return false;
        const who = { membership: member.id, identity: identity.id, identityOrg: identity.org };
        await tx.update('programLogin', place.org, { ref: place.ref }, who);
        return true;
      });
    },
    take: async (link) => {
      const row = await open(link);
      if (row === undefined) throw new AppError('not_found', 'this sign-in is not open any more');
      if (row.membership === 0) return null;
      const member = await store.get('membership', row.org, row.membership);
      const identity = await store.get('identity', row.identityOrg, row.identity);
      const taken = await store.write(context(row.org), (tx) =>
        tx.remove('programLogin', row.org, { ref: row.ref }),
      );
      if (!taken || member === undefined || identity === undefined) {
        throw new AppError('not_found', 'this sign-in is not open any more');
      }
      return { member, identity, provenAt: 0 };
    },
    cancel,
  };
}
