/**
 * From the text of a token to an actor. A token, stored or signed, is one indexed read when it is new here, and a hash and a map lookup when
 * it is known; what is known is dropped as soon as the change feed says that the credential, its parent or its owner
 * changed, in whatever process that happened.
 */
import { type Actor, type ActorCredential, memberPermissions } from '../domain/access/actor.ts';
import { commonScopes, permissionsOfScopes } from '../domain/access/scopes.ts';
import { parseToken } from '../domain/credentials/token.ts';
import type { Credential, CredentialKind } from '../domain/model/credentials.ts';
import type { EntityKind } from '../domain/model/entities.ts';
import type { Follower } from '../domain/ports/follower.ts';
import type { CredentialStanding } from '../domain/ports/queries.ts';
import type { SignedTokens } from '../domain/ports/signed-tokens.ts';
import type { Store } from '../domain/ports/store.ts';
import { type Clock, SECOND } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sameDigest, sha256Hex } from '../kernel/hash.ts';
import { type CachedToken, createTokenCache } from './token-cache.ts';

/** Even if the feed cannot be read for a while, nothing that was revoked elsewhere is taken for longer than this. */
const MAX_CACHED_MS = 60 * SECOND;

/** The kinds that an admin API takes. All others join devices or buy a token of one of these kinds. */
const API_KINDS: ReadonlySet<CredentialKind> = new Set(['api', 'pat', 'session', 'access']);
/** Kinds that are credentials, and not for this: the answer says so instead of calling them unknown. */
const EXCHANGED_KINDS: ReadonlySet<CredentialKind> = new Set(['oauth-client', 'sa-credential', 'federated']);
/** Kinds that signed tokens are got with. */
const MINTING_KINDS: ReadonlySet<CredentialKind> = new Set(['sa-credential', 'api', 'pat', 'session']);
/** What a token's power rests on. */
const WATCHED: ReadonlySet<EntityKind> = new Set(['credential', 'membership', 'serviceAccount']);

export interface Authenticator {
  /** Throws `unauthenticated`, or `forbidden` for a credential that no admin API takes. */
  authenticate(token: string): Promise<Actor>;
  close(): void;
}

export interface AuthenticatorParts {
  readonly store: Pick<Store, 'feed' | 'queries'>;
  readonly follower: Follower;
  readonly clock: Clock;
  /** Without it, no token is signed. */
  readonly signedTokens?: Pick<SignedTokens, 'verify'>;
  /** Told of every use; it batches. */
  readonly onUse?: (use: {
    readonly org: number;
    readonly credential: number;
    readonly membership: number | null;
  }) => void;
}

/** What a token says, before anything is read. */
interface Claimed {
  readonly publicId: string;
  /** Whether the credential is what the token says that it is. */
  readonly matches: (credential: CredentialStanding['credential']) => boolean;
  readonly expiresAt: number;
}

/** `reason` is told only to who holds a credential that was valid; one dialect has words for it. */
const refused = (reason?: 'revoked' | 'suspended'): AppError =>
  new AppError('unauthenticated', 'API token invalid', reason === undefined ? {} : { details: { reason } });

export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  const { store, follower, clock, signedTokens, onUse } = parts;
  const cache = createTokenCache();
  const followed = new Map<number, () => void>();

  /** Before anything of an organization is kept, its feed is followed from a point before the read. */
  const ensureFollowed = async (org: number): Promise<void> => {
    const heads = await store.feed.heads([org]);
    if (followed.has(org)) return;
    followed.set(
      org,
      follower.follow(
        org,
        heads.get(org) ?? 0,
        (changes) => {
          for (const { kind, key } of changes) if (WATCHED.has(kind)) cache.changed(Number(key));
        },
        () => cache.lost(org),
      ),
    );
  };

  const claimedBy = async (token: string): Promise<Claimed> => {
    const parsed = parseToken(token);
    if (parsed !== undefined) {
      const { publicId, kind, secretHash } = parsed;
      return {
        publicId,
        matches: (found) =>
          found.kind === kind && found.secretHash !== null && sameDigest(found.secretHash, secretHash),
        expiresAt: Number.POSITIVE_INFINITY,
      };
    }
    const signed = await signedTokens?.verify(token);
    if (signed === undefined) throw refused();
    return {
      publicId: signed.credential,
      matches: ({ kind }) => MINTING_KINDS.has(kind),
      expiresAt: signed.expiresAt,
    };
  };

  const isLive = (credential: Pick<Credential, 'revokedAt' | 'expiresAt'>): boolean =>
    credential.revokedAt === null && (credential.expiresAt === null || credential.expiresAt > clock.now());

  const entryOf = (
    token: Claimed,
    { readAt, ...standing }: CredentialStanding & { readAt: number },
  ): CachedToken => {
    const { credential, parent } = standing;
    const signed = Number.isFinite(token.expiresAt);
    if (!token.matches(credential)) throw refused();
    if (!signed && EXCHANGED_KINDS.has(credential.kind) && isLive(credential)) {
      throw new AppError(
        'forbidden',
        'calling actor does not have enough permissions to perform this function',
      );
    }
    if (!signed && !API_KINDS.has(credential.kind)) throw refused();
    if (credential.revokedAt !== null) throw refused('revoked');
    const chain = [credential, ...(parent === undefined ? [] : [parent])];
    if (!chain.every(isLive) || (credential.parent !== 0 && parent === undefined)) throw refused();
    const actor = actorOf(standing, signed ? 'access' : credential.kind);
    if (actor === undefined) throw refused();
    const ends = chain.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY);
    return {
      actor,
      readAt,
      expiresAt: Math.min(token.expiresAt, ...ends),
      rests: [...chain.map(({ id }) => id), credential.owner],
    };
  };

  /** `keep`: nothing that it rests on was reported changed while it was read. */
  const resolve = async (token: string): Promise<{ readonly entry: CachedToken; readonly keep: boolean }> => {
    const claimed = await claimedBy(token);
    const reading = cache.startReading();
    try {
      const read = async () => {
        const readAt = clock.now();
        const standing = await store.queries.credentialStanding(claimed.publicId);
        if (standing === undefined || !claimed.matches(standing.credential)) throw refused();
        return { ...standing, readAt };
      };
      let standing = await read();
      const { org } = standing.credential;
      if (!followed.has(org)) {
        await ensureFollowed(org);
        // Read again now that changes are followed: one that fell between would be missed for good.
        standing = await read();
      }
      const entry = entryOf(claimed, standing);
      return { entry, keep: reading.isFresh(entry.rests) };
    } finally {
      reading.end();
    }
  };

  return {
    authenticate: async (token) => {
      const digest = sha256Hex(token);
      let entry = cache.get(digest);
      const now = clock.now();
      if (entry !== undefined && entry.expiresAt <= now) {
        cache.remove(digest);
        throw refused();
      }
      if (entry === undefined || entry.readAt + MAX_CACHED_MS <= now) {
        cache.remove(digest);
        const resolved = await resolve(token);
        entry = resolved.entry;
        if (entry.expiresAt <= clock.now()) throw refused();
        if (resolved.keep) cache.set(digest, entry);
      }
      const { actor } = entry;
      const [credential] = entry.rests;
      if (onUse !== undefined && credential !== undefined) {
        onUse({ org: actor.org, credential, membership: actor.kind === 'member' ? actor.membership : null });
      }
      return actor;
    },
    close: () => {
      for (const stop of followed.values()) stop();
      followed.clear();
      cache.clear();
    },
  };
}

/** The actor that a valid credential stands for, or undefined when its owner may not act. */
function actorOf(
  { credential, parent, member, serviceAccount }: CredentialStanding,
  kind: CredentialKind,
): Actor | undefined {
  const { org, id, scopes, tags } = credential;
  const held: ActorCredential = { id, kind, scopes, tags };
  switch (credential.ownerKind) {
    case 'membership': {
      if (member !== undefined && member.suspendedAt !== null) {
        throw refused('suspended');
      }
      if (member === undefined || member.joinedAt === null || member.approvedAt === null) {
        return undefined;
      }
      return {
        kind: 'member',
        org,
        membership: member.id,
        name: member.email ?? member.username,
        role: member.role,
        credential: held,
        permissions: memberPermissions(member.role, scopes),
      };
    }
    case 'organization': {
      const present = parent === undefined ? scopes : commonScopes(scopes, parent.scopes);
      return {
        kind: 'client',
        org,
        name: credential.description || credential.name || (parent ?? credential).publicId,
        client: (parent ?? credential).id,
        credential: { ...held, scopes: present },
        permissions: permissionsOfScopes(present),
      };
    }
    case 'service_account':
      if (serviceAccount === undefined) return undefined;
      return {
        kind: 'service-account',
        org,
        serviceAccount: serviceAccount.id,
        name: serviceAccount.name,
        credential: held,
        permissions:
          serviceAccount.role === 'org-service'
            ? permissionsOfScopes(['all'])
            : new Set(['organization:read']),
      };
    case 'gateway':
      return undefined;
  }
}
