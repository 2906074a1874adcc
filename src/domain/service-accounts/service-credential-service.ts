/**
 * Credentials with which service accounts get access tokens: a client id and a secret. What a token may do is what the
 * account may; the credential behind it is looked at again with every use of the token.
 *
 * Errors of all but `signIn`: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`.
 */
import { HOUR, SECOND } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import { sameDigest, sha256Hex } from '../../kernel/hash.ts';
import { type Random, randomNanoId, randomSecret } from '../../kernel/random.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { createToken } from '../credentials/token.ts';
import { missing, requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { Credential } from '../model/credentials.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { ServiceAccount } from '../model/people.ts';
import { requireManages } from '../people/role-rules.ts';
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
  /** An access token for client id and secret. Errors: `unauthenticated`. */
  signIn(clientId: string, secret: string, origin: AuditOrigin): Promise<AccessGrant>;
  /** Another access token with the power of the caller's own credential. Errors: `forbidden` for callers without one. */
  exchange(actor: Actor, origin: AuditOrigin): Promise<AccessGrant>;
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

export function createServiceCredentialService({
  store,
  random,
}: {
  readonly store: Store;
  readonly random: Random;
}): ServiceCredentialService {
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

  const mint = async (
    tx: Tx,
    from: Pick<Credential, 'org' | 'ownerKind' | 'owner' | 'name' | 'scopes' | 'tags'>,
    parent: number,
    by: Pick<Credential, 'byKind' | 'byId' | 'byName'>,
  ): Promise<AccessGrant> => {
    const id = tx.newId();
    const { kind, token, publicId, secretHash } = createToken(random, 'access', id);
    await tx.insert('credential', {
      org: from.org,
      id,
      nano: null,
      kind,
      ownerKind: from.ownerKind,
      owner: from.owner,
      name: from.name,
      description: from.name,
      publicId,
      secretHash,
      publicKey: null,
      scopes: from.scopes,
      tags: from.tags,
      reusable: true,
      ephemeral: false,
      preauthorized: false,
      expirySeconds: TOKEN_MS / SECOND,
      createdAt: tx.now,
      updatedAt: null,
      expiresAt: tx.now + TOKEN_MS,
      consumedAt: null,
      revokedAt: null,
      generation: 0,
      parent,
      federation: null,
      ...by,
    });
    return { token, expiresInSeconds: TOKEN_MS / SECOND };
  };

  return {
    create: async (actor, owner, text, origin) => {
      authorize(actor, 'service-accounts:write');
      const { name = '', description = '' } = checkText(text);
      return store.write(contextOf(actor, origin), async (tx) => {
        await account(tx, actor, owner);
        const secret = randomSecret(random, SECRET_LENGTH);
        const made = await tx.insert('credential', {
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
          publicKey: null,
          scopes: ['all'],
          tags: [],
          reusable: true,
          ephemeral: false,
          preauthorized: false,
          expirySeconds: null,
          createdAt: tx.now,
          updatedAt: null,
          expiresAt: null,
          consumedAt: null,
          revokedAt: null,
          generation: 0,
          parent: 0,
          federation: null,
          ...byColumnsOf(actor),
        });
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
        await tx.remove('credential', actor.org, id);
        audit(tx, gone, 'delete');
      });
    },

    signIn: async (clientId, secret, origin) => {
      const refused = (): AppError => new AppError('unauthenticated', 'client id or secret is wrong');
      const found = await store.lookup('credential', 'publicId', clientId);
      const known =
        found?.kind === 'sa-credential' &&
        found.revokedAt === null &&
        sameDigest(found.secretHash ?? '', sha256Hex(secret));
      if (!known) throw refused();
      const by = { kind: 'service_account', id: String(found.owner), name: found.name } as const;
      return store.write({ orgs: [found.org], by, origin }, async (tx) => {
        // Deleted between the look and now: nothing may be minted from it.
        if ((await tx.get('credential', found.org, found.id)) === undefined) throw refused();
        await tx.put('credentialSeen', { org: found.org, credential: found.id, lastUsed: tx.now });
        audit(tx, found, 'login');
        return mint(tx, found, found.id, { byKind: by.kind, byId: by.id, byName: by.name });
      });
    },

    exchange: async (actor, origin) => {
      if ((actor.kind !== 'member' && actor.kind !== 'service-account') || actor.credential === null) {
        throw new AppError('forbidden', 'only people and service accounts exchange tokens');
      }
      const held = actor.credential.id;
      return store.write(contextOf(actor, origin), async (tx) => {
        const own = await tx.get('credential', actor.org, held);
        if (own === undefined) throw new AppError('unauthenticated', 'the credential is gone');
        audit(tx, own, 'login');
        // One generation deep: what is minted from a minted token has the same parent.
        return mint(tx, own, own.parent === 0 ? own.id : own.parent, byColumnsOf(actor));
      });
    },
  };
}

function audit(
  tx: Tx,
  credential: Credential,
  verb: 'create' | 'update' | 'delete' | 'login',
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
