/**
 * Credentials with which service accounts get access tokens: a client id and a secret. What a token may do is what the
 * account may; the credential behind it is looked at again with every use of the token.
 *
 * Errors of all but `signIn`: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`.
 */
import { type Clock, HOUR, SECOND } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import { sameDigest, sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomNanoId, randomSecret } from '../../kernel/random.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { removeCredential } from '../credentials/credential-removal.ts';
import { newCredential } from '../credentials/new-credential.ts';
import { missing, requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { Credential } from '../model/credentials.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { ServiceAccount } from '../model/people.ts';
import { requireManages } from '../people/role-rules.ts';
import type { SignedTokens, TokenSubject } from '../ports/signed-tokens.ts';
import type { Store, Tx } from '../ports/store.ts';

export interface CredentialText {
  readonly name?: string;
  /** Null: none. */
  readonly description?: string | null;
}

export interface AccessGrant {
  readonly token: string;
  readonly expiresInSeconds: number;
}

export interface ServiceCredentialService {
  create(
    actor: Actor,
    account: number,
    text: CredentialText & { readonly name: string },
    origin: AuditOrigin,
  ): Promise<{ readonly credential: Credential; readonly secret: string }>;
  update(
    actor: Actor,
    account: number,
    id: number,
    text: CredentialText,
    origin: AuditOrigin,
  ): Promise<Credential>;
  remove(actor: Actor, account: number, id: number, origin: AuditOrigin): Promise<void>;
  /**
   * An access token for client id and secret; `issuer` is the origin that the token names. It is signed and stored nowhere,
   * so that getting one writes nothing but the time of use. Errors: `unauthenticated`.
   */
  signIn(clientId: string, secret: string, issuer: string): Promise<AccessGrant>;
  /** Likewise with the power of the caller's own credential. Errors: `forbidden` for callers without one. */
  exchange(actor: Actor, issuer: string): Promise<AccessGrant>;
}

const CLIENT_ID_LENGTH = 21;
const SECRET_LENGTH = 64;
const MAX_NAME = 255;
const MAX_DESCRIPTION = 500;
const TOKEN_MS = HOUR;

function checkText({ name, description }: CredentialText): { name?: string; description?: string } {
  const trimmed = name?.trim();
  if (trimmed !== undefined && (trimmed === '' || trimmed.length > MAX_NAME || /[\p{Cc}<>]/u.test(trimmed))) {
    throw invalid(`name must have 1 to ${MAX_NAME} characters without < and >`, 'name');
  }
  if (typeof description === 'string' && description.length > MAX_DESCRIPTION) {
    throw invalid(`description must not exceed ${MAX_DESCRIPTION} characters`, 'description');
  }
  return {
    ...(trimmed === undefined ? {} : { name: trimmed }),
    ...(description === undefined ? {} : { description: description ?? '' }),
  };
}

export interface ServiceCredentialParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly signedTokens: Pick<SignedTokens, 'sign'>;
  /** Told of every sign-in; it batches. */
  readonly onUse?: (use: {
    readonly org: number;
    readonly credential: number;
    readonly membership: number | null;
  }) => void;
}

export function createServiceCredentialService(parts: ServiceCredentialParts): ServiceCredentialService {
  const { store, clock, random, signedTokens, onUse } = parts;
  const account = async (tx: Tx, actor: Actor, id: number): Promise<ServiceAccount> => {
    const found = await requireRow(tx, 'serviceAccount', actor.org, id);
    if (found.system) throw missing('serviceAccount', id);
    if (found.role === 'org-service') requireManages(actor, 'admin');
    return found;
  };
  const credential = async (tx: Tx, actor: Actor, owner: number, id: number): Promise<Credential> => {
    await account(tx, actor, owner);
    const found = await requireRow(tx, 'credential', actor.org, id);
    if (found.kind !== 'sa-credential' || found.owner !== owner) throw missing('credential', id);
    return found;
  };

  const grant = async (
    subject: TokenSubject,
    issuer: string,
    endsAt: number | null,
  ): Promise<AccessGrant> => {
    const now = clock.now();
    const expiresAt = Math.min(now + TOKEN_MS, endsAt ?? Number.POSITIVE_INFINITY);
    const token = await signedTokens.sign(subject, { issuer, expiresAt });
    return { token, expiresInSeconds: Math.floor((expiresAt - now) / SECOND) };
  };

  return {
    create: async (actor, owner, text, origin) => {
      authorize(actor, 'service-accounts:write');
      const { name = '', description = '' } = checkText(text);
      return store.write(contextOf(actor, origin), async (tx) => {
        await account(tx, actor, owner);
        const secret = randomSecret(random, SECRET_LENGTH);
        const made = await tx.insert(
          'credential',
          newCredential({
            org: actor.org,
            id: tx.newId(),
            nano: randomNanoId(random),
            kind: 'sa-credential',
            ownerKind: 'service_account',
            owner,
            name,
            description,
            publicId: randomSecret(random, CLIENT_ID_LENGTH),
            secretHash: sha256Hex(secret),
            scopes: ['all'],
            createdAt: tx.now,
            ...byColumnsOf(actor),
          }),
        );
        audit(tx, made, 'create');
        return { credential: made, secret };
      });
    },

    update: async (actor, owner, id, text, origin) => {
      authorize(actor, 'service-accounts:write');
      const wanted = checkText(text);
      return store.write(contextOf(actor, origin), async (tx) => {
        const before = await credential(tx, actor, owner, id);
        const after = await tx.update('credential', actor.org, id, wanted);
        if (isSameRow(before, after)) return before;
        audit(tx, before, 'update', { after: wanted });
        return tx.update('credential', actor.org, id, { updatedAt: tx.now });
      });
    },

    remove: async (actor, owner, id, origin) => {
      authorize(actor, 'service-accounts:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const gone = await credential(tx, actor, owner, id);
        await removeCredential(tx, gone);
        audit(tx, gone, 'delete');
      });
    },

    signIn: async (clientId, secret, issuer) => {
      const standing = await store.queries.credentialStanding(clientId);
      const found = standing?.credential;
      const known =
        found?.kind === 'sa-credential' &&
        found.revokedAt === null &&
        (found.expiresAt === null || found.expiresAt > clock.now()) &&
        sameDigest(found.secretHash ?? '', sha256Hex(secret));
      if (!known || standing?.serviceAccount === undefined) {
        throw new AppError('unauthenticated', 'client id or secret is wrong');
      }
      onUse?.({ org: found.org, credential: found.id, membership: null });
      return grant(
        {
          credential: found.publicId,
          subject: standing.serviceAccount.nano,
          organization: standing.organizationNano,
        },
        issuer,
        found.expiresAt,
      );
    },

    exchange: async (actor, issuer) => {
      if ((actor.kind !== 'member' && actor.kind !== 'service-account') || actor.credential === null) {
        throw new AppError('forbidden', 'only people and service accounts exchange tokens');
      }
      const own = await store.get('credential', actor.org, actor.credential.id);
      const standing = own && (await store.queries.credentialStanding(own.publicId));
      const subject = standing?.member ?? standing?.serviceAccount;
      if (standing === undefined || subject === undefined) {
        throw new AppError('unauthenticated', 'the credential is gone');
      }
      // One generation deep: what is got with a minted token rests on what that was minted from.
      const { publicId, expiresAt } = standing.parent ?? standing.credential;
      return grant(
        { credential: publicId, subject: subject.nano, organization: standing.organizationNano },
        issuer,
        expiresAt,
      );
    },
  };
}

function audit(
  tx: Tx,
  credential: Credential,
  verb: 'create' | 'update' | 'delete',
  change: { readonly after?: unknown } = {},
): void {
  tx.audit(credential.org, {
    verb,
    objectKind: 'credential',
    objectId: credential.id,
    objectName: credential.name,
    ...change,
  });
}
