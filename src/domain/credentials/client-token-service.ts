/** Short-lived access tokens for OAuth clients. They carry no power of their own: the client is checked at every use. */
import type { Clock } from '../../kernel/clock.ts';
import { HOUR, SECOND } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import { sameDigest } from '../../kernel/hash.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { isScope, permissionsOfScopes, scopesCover } from '../access/scopes.ts';
import type { Credential } from '../model/credentials.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { TagRules } from '../policy-file/tag-rules.ts';
import type { Store } from '../ports/store.ts';
import { sweepEnded } from './credential-removal.ts';
import { insertToken } from './insert-token.ts';
import { parseToken } from './token.ts';

/** Fixed: clients of the API count on it. */
const ACCESS_TOKEN_MS = HOUR;

export interface AccessToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly scopes: readonly string[];
}

export interface ClientTokenService {
  /**
   * Scopes and tags that are empty stand for all of the client's.
   * Errors: `unauthenticated`; `forbidden` for scopes, `tags_not_permitted` for tags that the client cannot give.
   */
  exchangeSecret(
    secret: string,
    wanted: { readonly scopes: readonly string[]; readonly tags: readonly string[] },
    origin: AuditOrigin,
  ): Promise<AccessToken>;
  /** A token for a client or federated identity that has been authenticated already. */
  mint(
    parent: Credential,
    wanted: { readonly scopes: readonly string[]; readonly tags: readonly string[] },
    origin: AuditOrigin,
  ): Promise<AccessToken>;
}

export interface ClientTokenParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly tagRules: TagRules;
}

const refused = (): AppError => new AppError('unauthenticated', 'API token invalid');

/** The scopes with which tags have a meaning. */
const TAGGING_SCOPES: ReadonlySet<string> = new Set(['devices:core', 'auth_keys', 'all', 'devices']);

const clientActor = (client: Credential): Actor => ({
  kind: 'client',
  org: client.org,
  name: client.description || client.publicId,
  client: client.id,
  credential: { id: client.id, kind: client.kind, scopes: client.scopes, tags: client.tags },
  permissions: permissionsOfScopes(client.scopes),
});

export function createClientTokenService(parts: ClientTokenParts): ClientTokenService {
  const { store, clock, random, tagRules } = parts;

  const mint: ClientTokenService['mint'] = async (parent, wanted, origin) => {
    const actor = clientActor(parent);
    const scopes = wanted.scopes.length === 0 ? parent.scopes : [...new Set(wanted.scopes)];
    const beyond = scopes.filter((scope) => !isScope(scope) || !scopesCover(parent.scopes, [scope]));
    if (beyond.length > 0) {
      throw new AppError('forbidden', `OAuth client cannot grant scopes "${beyond.join(' ')}"`, {
        field: 'scope',
      });
    }
    const tagged = wanted.tags.length > 0 && scopes.some((scope) => TAGGING_SCOPES.has(scope));
    const tags = tagged ? await tagRules.permitted(actor, wanted.tags) : parent.tags;
    return store.write(contextOf(actor, origin, 1), async (tx) => {
      await sweepEnded(tx, parent.org, { kind: 'access', parent: parent.id });
      const { credential, token } = await insertToken(tx, random, {
        org: parent.org,
        kind: 'access',
        ownerKind: parent.ownerKind,
        owner: parent.owner,
        name: parent.name,
        description: parent.description,
        scopes,
        tags,
        expiresAt: tx.now + ACCESS_TOKEN_MS,
        parent: parent.id,
        ...byColumnsOf(actor),
      });
      tx.audit(parent.org, {
        verb: 'login',
        objectKind: 'credential',
        objectId: parent.id,
        objectName: parent.description || parent.publicId,
        details: `access token ${credential.publicId}`,
      });
      return { token, expiresInSeconds: ACCESS_TOKEN_MS / SECOND, scopes };
    });
  };

  return {
    mint,
    exchangeSecret: async (secret, wanted, origin) => {
      const parsed = parseToken(secret);
      if (parsed?.kind !== 'oauth-client') throw refused();
      const client = await store.lookup('credential', 'publicId', parsed.publicId);
      if (
        client === undefined ||
        client.kind !== 'oauth-client' ||
        client.secretHash === null ||
        !sameDigest(client.secretHash, parsed.secretHash) ||
        client.revokedAt !== null ||
        (client.expiresAt !== null && client.expiresAt <= clock.now())
      ) {
        throw refused();
      }
      return mint(client, wanted, origin);
    },
  };
}
