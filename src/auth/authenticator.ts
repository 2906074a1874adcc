/**
 * From the text of a token to an actor. A token is one indexed read when it is new here, and a hash and a map lookup when
 * it is known; what is known is dropped as soon as the change feed says that the credential, its parent or its owner
 * changed, in whatever process that happened.
 */
import { type Actor, type ActorCredential, memberPermissions } from '../domain/access/actor.ts';
import { permissionsOfScopes } from '../domain/access/scopes.ts';
import { parseToken } from '../domain/credentials/token.ts';
import type { Credential, CredentialKind } from '../domain/model/credentials.ts';
import type { Follower } from '../domain/ports/follower.ts';
import type { Change, Store } from '../domain/ports/store.ts';
import { type Clock, SECOND } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import { sameDigest, sha256Hex } from '../kernel/hash.ts';

const MAX_CACHED = 20_000;
/** Even if the feed cannot be read for a while, nothing that was revoked elsewhere is taken for longer than this. */
const MAX_CACHED_MS = 60 * SECOND;

/** The kinds that an admin API takes. All others join devices or buy a token of one of these kinds. */
const API_KINDS: ReadonlySet<CredentialKind> = new Set(['api', 'pat', 'session', 'access']);
/** Kinds that are credentials, and not for this: the answer says so instead of calling them unknown. */
const EXCHANGED_KINDS: ReadonlySet<CredentialKind> = new Set(['oauth-client', 'sa-credential', 'federated']);

interface Cached {
  readonly actor: Actor;
  readonly expiresAt: number;
  readonly readAt: number;
  /** Ids whose change ends the entry. */
  readonly credentials: readonly number[];
  readonly owner: number;
}

export interface Authenticator {
  /** Throws `unauthenticated`, or `forbidden` for a credential that no admin API takes. */
  authenticate(token: string): Promise<Actor>;
  close(): void;
}

export interface AuthenticatorParts {
  readonly store: Store;
  readonly follower: Follower;
  readonly clock: Clock;
  /** Told of every use; it batches. */
  readonly onUse?: (use: {
    readonly org: number;
    readonly credential: number;
    readonly membership: number | null;
  }) => void;
}

const refused = (): AppError => new AppError('unauthenticated', 'API token invalid');

export function createAuthenticator({ store, follower, clock, onUse }: AuthenticatorParts): Authenticator {
  const cache = new Map<string, Cached>();
  const followed = new Map<number, () => void>();
  /** Counts what the feed said of each organization: what was read before the last of it must not be kept. */
  const epochs = new Map<number, number>();

  const drop = (org: number, matches: (entry: Cached) => boolean): void => {
    epochs.set(org, (epochs.get(org) ?? 0) + 1);
    for (const [digest, entry] of cache) {
      if (entry.actor.org === org && matches(entry)) cache.delete(digest);
    }
  };
  const apply = (org: number, changes: readonly Change[]): void => {
    for (const change of changes) {
      const id = Number(change.key);
      if (change.kind === 'credential') drop(org, (entry) => entry.credentials.includes(id));
      else if (change.kind === 'membership' || change.kind === 'serviceAccount')
        drop(org, (entry) => entry.owner === id);
    }
  };
  /** Before anything of an organization is cached, its feed is followed from a point before the reads. */
  const ensureFollowed = async (org: number): Promise<void> => {
    if (followed.has(org)) return;
    const heads = await store.feed.heads([org]);
    if (followed.has(org)) return;
    followed.set(
      org,
      follower.follow(
        org,
        heads.get(org) ?? 0,
        (changes) => apply(org, changes),
        () => drop(org, () => true),
      ),
    );
  };

  const usable = (credential: Credential): boolean =>
    credential.revokedAt === null && (credential.expiresAt === null || credential.expiresAt > clock.now());

  /** `keep`: nothing that it rests on was reported changed while it was read. */
  const resolve = async (token: string): Promise<{ readonly entry: Cached; readonly keep: boolean }> => {
    const parsed = parseToken(token);
    if (parsed === undefined) throw refused();
    const found = await store.lookup('credential', 'publicId', parsed.publicId);
    if (
      found === undefined ||
      found.kind !== parsed.kind ||
      found.secretHash === null ||
      !sameDigest(found.secretHash, parsed.secretHash)
    ) {
      throw refused();
    }
    if (EXCHANGED_KINDS.has(found.kind) && usable(found)) {
      throw new AppError(
        'forbidden',
        'calling actor does not have enough permissions to perform this function',
      );
    }
    if (!API_KINDS.has(found.kind)) throw refused();
    await ensureFollowed(found.org);
    const epoch = epochs.get(found.org);
    const readAt = clock.now();
    // Read again now that changes are followed: one that fell between would be missed for good.
    const credential = await store.get('credential', found.org, found.id);
    if (credential === undefined || !usable(credential)) throw refused();
    const chain = [credential];
    if (credential.parent !== 0) {
      const parent = await store.get('credential', credential.org, credential.parent);
      if (parent === undefined || !usable(parent)) throw refused();
      chain.push(parent);
    }
    const actor = await actorOf(store, credential);
    if (actor === undefined) throw refused();
    const entry = {
      actor,
      readAt,
      expiresAt: Math.min(...chain.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY)),
      credentials: chain.map(({ id }) => id),
      owner: credential.owner,
    };
    return { entry, keep: epochs.get(found.org) === epoch };
  };

  return {
    authenticate: async (token) => {
      const digest = sha256Hex(token);
      let entry = cache.get(digest);
      if (entry !== undefined && entry.expiresAt <= clock.now()) {
        cache.delete(digest);
        throw refused();
      }
      if (entry === undefined || entry.readAt + MAX_CACHED_MS <= clock.now()) {
        cache.delete(digest);
        const resolved = await resolve(token);
        entry = resolved.entry;
        if (cache.size >= MAX_CACHED) {
          const oldest = cache.keys().next();
          if (!oldest.done) cache.delete(oldest.value);
        }
        if (resolved.keep) cache.set(digest, entry);
      }
      const credential = entry.credentials[0];
      if (credential !== undefined) {
        const membership = entry.actor.kind === 'member' ? entry.actor.membership : null;
        onUse?.({ org: entry.actor.org, credential, membership });
      }
      return entry.actor;
    },
    close: () => {
      for (const stop of followed.values()) stop();
      followed.clear();
      cache.clear();
    },
  };
}

/** The actor that a valid credential stands for, or undefined when its owner may not act. */
async function actorOf(store: Store, credential: Credential): Promise<Actor | undefined> {
  const { org, id, kind, scopes, tags } = credential;
  const held: ActorCredential = { id, kind, scopes, tags };
  switch (credential.ownerKind) {
    case 'membership': {
      const member = await store.get('membership', org, credential.owner);
      if (member !== undefined && member.suspendedAt !== null) {
        // Told only to who holds a valid credential; one dialect has words for it.
        throw new AppError('unauthenticated', refused().message, { details: { reason: 'suspended' } });
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
    case 'organization':
      return {
        kind: 'client',
        org,
        name: credential.description || credential.name,
        credential: held,
        permissions: permissionsOfScopes(scopes),
      };
    case 'service_account': {
      const account = await store.get('serviceAccount', org, credential.owner);
      if (account === undefined) return undefined;
      return {
        kind: 'service-account',
        org,
        serviceAccount: account.id,
        name: account.name,
        credential: held,
        permissions:
          account.role === 'org-service' ? permissionsOfScopes(['all']) : new Set(['organization:read']),
      };
    }
    case 'gateway':
      return undefined;
  }
}
