/**
 * Sessions of people: credentials that end by themselves, with a row beside them that says how and whence they were
 * opened. A session belongs to one membership. One that was opened by an identity of one organization stays there; one that
 * was opened by an identity that is good everywhere may be exchanged for one in another of the account's organizations.
 */
import { type Actor, columnsOfBy } from '../domain/access/actor.ts';
import { isRecentSignIn, requireRecentSignIn } from '../domain/access/recent-sign-in.ts';
import { sweepEnded } from '../domain/credentials/credential-removal.ts';
import { insertToken } from '../domain/credentials/insert-token.ts';
import type { Credential } from '../domain/model/credentials.ts';
import type { AuditOrigin, By } from '../domain/model/operations.ts';
import type { Identity, Membership } from '../domain/model/people.ts';
import { memberState } from '../domain/people/member-state.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../domain/ports/store.ts';
import { readSettings } from '../domain/settings/settings.ts';
import { type Clock, MINUTE } from '../kernel/clock.ts';
import { AppError, notFound } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { takesLogin } from './login-rules.ts';
import { asksAfterPassword, passkeysOf } from './passkeys/passkey-rows.ts';
import { factorOf } from './second-factor.ts';

/** Of one member, at once; the oldest gives way to another. */
const MAX_SESSIONS = 100;
const MAX_AGENT = 200;

export interface Session {
  readonly token: string;
  readonly credential: number;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

export interface Verified {
  readonly member: Membership;
  readonly identity: Pick<Identity, 'org' | 'id' | 'account'>;
  /** When the person proved who they are, if not now; 0: nobody knows. */
  readonly provenAt?: number;
}

export interface NewSession {
  /** What opened it, for lists and the audit. */
  readonly name: string;
  readonly origin: AuditOrigin;
  readonly address?: string;
  readonly agent?: string;
  /** The identity of the second factor that was shown as well. */
  readonly factor?: number;
  /** From when on the session's time counts, if not from now. */
  readonly since?: number;
}

export interface ShownSession {
  readonly id: number;
  readonly name: string;
  readonly address: string;
  readonly agent: string;
  readonly openedAt: number;
  readonly expiresAt: number | null;
  /** The one that asks. */
  readonly current: boolean;
}

type Member = Extract<Actor, { readonly kind: 'member' }>;

export interface Sessions {
  /** Of a member who was just verified, good for as long as the organization's settings say. */
  open(verified: Verified, session: NewSession): Promise<Session>;
  /** Those of the actor that are still good, the newest first. */
  list(actor: Member): Promise<ShownSession[]>;
  /** Ends one of the actor's own, the present one too. Errors: `not_found`. */
  revoke(actor: Member, credential: number, origin: AuditOrigin): Promise<void>;
  /** Whether the person proved who they are lately. */
  isRecent(actor: Actor): Promise<boolean>;
  /** Errors: `sign_in_again`, `forbidden` (no session). */
  requireRecent(actor: Actor): Promise<void>;
  /** What the actor's session was opened with; undefined when it is no session. */
  openedWith(actor: Member): Promise<
    | {
        readonly account: number;
        readonly identity: Verified['identity'];
        readonly everywhere: boolean;
        readonly provenAt: number;
      }
    | undefined
  >;
  /**
   * Who the person behind the actor's session is in another organization of the same account. Errors: `forbidden` (the
   * session is bound to its organization, or lacks a second factor that is asked for there, or is too old for that
   * organization, or it takes another way to sign in), `not_found` (no active membership there).
   */
  elsewhere(
    actor: Member,
    org: number,
  ): Promise<Verified & { readonly factor: number; readonly provenAt: number }>;
  /** Opens a session there, beside the actor's. Errors: as `elsewhere`. */
  openElsewhere(actor: Member, org: number, session: NewSession): Promise<Session>;
  /** As `openElsewhere`, and ends the actor's. */
  change(actor: Member, org: number, session: NewSession): Promise<Session>;
}

export interface SessionsParts {
  readonly store: Store;
  readonly random: Random;
  readonly clock: Clock;
}

const loginOf = ({ email, username }: Membership): string => email ?? username;
const byOfMember = (member: Membership): By => ({
  kind: 'membership',
  id: String(member.id),
  name: loginOf(member),
});

/** Ends sessions of a member in the write at hand. */
async function endSessions(tx: Tx, credentials: readonly Credential[]): Promise<void> {
  for (const { org, id } of credentials) {
    await tx.update('credential', org, id, { revokedAt: tx.now });
    await tx.remove('session', org, { credential: id });
  }
}

/** Sessions of a member that were neither ended nor have ended, the oldest first. */
const liveSessions = (reader: Pick<Tx, 'list'>, org: number, member: number, now: number) =>
  reader.list('credential', org, {
    where: { kind: 'session', ownerKind: 'membership', owner: member },
    condition: {
      allOf: [
        { column: 'revokedAt', operator: 'is-null' },
        {
          anyOf: [
            { column: 'expiresAt', operator: 'is-null' },
            { column: 'expiresAt', operator: '>', value: now },
          ],
        },
      ],
    },
    limit: MAX_SESSIONS * 2,
    few: true,
  });

async function sweep(tx: Tx, { org, id }: Membership): Promise<void> {
  const ended = await sweepEnded(tx, org, { kind: 'session', ownerKind: 'membership', owner: id });
  for (const { id: credential } of ended) await tx.remove('session', org, { credential });
}

/** Whether a session that was opened with this second factor (0: none), good everywhere, has what a member needs. */
async function isFactorEnough(reader: Reader, member: Membership, factor: number): Promise<boolean> {
  const shown = factor === 0 ? undefined : await reader.get('identity', INSTALLATION, factor);
  // A passkey that is good everywhere stands for any other factor.
  if (shown?.kind === 'passkey') return true;
  const needed = await factorOf(reader, member);
  if (needed !== undefined) return needed.id === factor;
  // One of an organization alone may be whoever's its administrators let set it up: it counts nowhere else.
  if (shown !== undefined) return true;
  if (asksAfterPassword(await passkeysOf(reader, member))) return false;
  return !(await readSettings(reader, member.org)).mfa_enforced;
}

export function createSessions({ store, random, clock }: SessionsParts): Sessions {
  const open: Sessions['open'] = async ({ member, identity, provenAt }, session) => {
    const { org } = member;
    const minutes = (await readSettings(store, org)).session_minutes;
    const by = byOfMember(member);
    const orgs = [...new Set([identity.org, org])];
    return store.write({ orgs, by, origin: session.origin }, async (tx) => {
      const present = await tx.get('membership', org, member.id);
      // Suspended between the check and now: no session may come of it.
      if (present === undefined || memberState(present) !== 'active') {
        throw new AppError('unauthenticated', 'the account is not active');
      }
      await sweep(tx, member);
      const others = await liveSessions(tx, org, member.id, tx.now);
      await endSessions(tx, others.slice(0, Math.max(0, others.length - MAX_SESSIONS + 1)));
      const expiresAt = (session.since ?? tx.now) + minutes * MINUTE;
      const { credential, token } = await insertToken(tx, random, {
        org,
        kind: 'session',
        ownerKind: 'membership',
        owner: member.id,
        name: session.name,
        scopes: ['all'],
        expiresAt,
        ...columnsOfBy(by),
      });
      await tx.insert('session', {
        org,
        credential: credential.id,
        membership: member.id,
        account: member.account,
        identity: identity.id,
        identityOrg: identity.org,
        address: session.address ?? '',
        agent: (session.agent ?? '').slice(0, MAX_AGENT),
        factor: session.factor ?? 0,
        provenAt: provenAt ?? tx.now,
      });
      await tx.update('identity', identity.org, identity.id, { lastUsed: tx.now });
      const event = {
        verb: 'login',
        objectKind: 'membership',
        objectId: member.id,
        objectName: by.name,
      } as const;
      tx.audit(org, { ...event, details: session.name });
      if (identity.org !== org) tx.audit(identity.org, event);
      return { token, credential: credential.id, issuedAt: tx.now, expiresAt };
    });
  };

  const revoke: Sessions['revoke'] = async (actor, credential, origin) => {
    const by: By = { kind: 'membership', id: String(actor.membership), name: actor.name };
    await store.write({ orgs: [actor.org], by, origin }, async (tx) => {
      const found = await tx.get('credential', actor.org, credential);
      const own =
        found?.kind === 'session' && found.ownerKind === 'membership' && found.owner === actor.membership;
      if (!own || found.revokedAt !== null) throw notFound('session');
      await endSessions(tx, [found]);
      tx.audit(actor.org, {
        verb: 'logout',
        objectKind: 'membership',
        objectId: actor.membership,
        objectName: actor.name,
        details: found.name,
      });
    });
  };

  const rowOf = async (actor: Member) =>
    actor.credential === null
      ? undefined
      : store.get('session', actor.org, { credential: actor.credential.id });

  const elsewhere: Sessions['elsewhere'] = async (actor, org) => {
    const row = await rowOf(actor);
    if (row === undefined || row.identityOrg !== INSTALLATION) {
      throw new AppError('forbidden', 'this sign-in is good for its own organization alone');
    }
    const [member] = await store.find('membership', org, { account: row.account }, 1);
    const identity = await store.get('identity', INSTALLATION, row.identity);
    if (member === undefined || identity === undefined || memberState(member) !== 'active') {
      throw notFound('organization');
    }
    if (!(await takesLogin(store, member, identity.kind))) {
      throw new AppError(
        'forbidden',
        'that organization takes another way to sign in: sign in to it by its name',
      );
    }
    const { factor, provenAt } = row;
    // Else whoever goes back and forth would never have to sign in again.
    const { session_minutes: minutes } = await readSettings(store, org);
    if (provenAt + minutes * MINUTE <= clock.now()) {
      throw new AppError('forbidden', 'that organization wants a newer sign-in: sign in again');
    }
    if (!(await isFactorEnough(store, member, factor))) {
      throw new AppError(
        'forbidden',
        'that organization asks for a second factor: sign in to it by its name',
      );
    }
    return { member, identity, factor, provenAt };
  };
  const openElsewhere: Sessions['openElsewhere'] = async (actor, org, session) => {
    const { member, identity, factor, provenAt } = await elsewhere(actor, org);
    return open({ member, identity, provenAt }, { ...session, factor, since: provenAt });
  };

  return {
    open,
    revoke,
    isRecent: (actor) => isRecentSignIn(store, actor, clock.now()),
    requireRecent: (actor) => requireRecentSignIn(store, actor, clock.now()),
    list: async (actor) => {
      const live = await liveSessions(store, actor.org, actor.membership, clock.now());
      const rows = new Map(
        (await store.find('session', actor.org, { membership: actor.membership })).map((row) => [
          row.credential,
          row,
        ]),
      );
      return live.reverse().map(({ id, name, createdAt, expiresAt }) => ({
        id,
        name,
        address: rows.get(id)?.address ?? '',
        agent: rows.get(id)?.agent ?? '',
        openedAt: createdAt,
        expiresAt,
        current: actor.credential?.id === id,
      }));
    },
    openedWith: async (actor) => {
      const row = await rowOf(actor);
      return row === undefined
        ? undefined
        : {
            account: row.account,
            identity: { org: row.identityOrg, id: row.identity, account: row.account },
            everywhere: row.identityOrg === INSTALLATION,
            provenAt: row.provenAt,
          };
    },
    elsewhere,
    openElsewhere,
    change: async (actor, org, session) => {
      const opened = await openElsewhere(actor, org, session);
      if (actor.credential !== null) await revoke(actor, actor.credential.id, session.origin);
      return opened;
    },
  };
}
