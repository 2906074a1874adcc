/**
 * Keys that administrators make, see and revoke: device auth keys, OAuth clients, federated identities, and the API tokens
 * of people. A secret is returned by the call that makes it and by no other.
 */
import { SECOND } from '../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { eachRow } from '../directory/each-row.ts';
import { decodeExternalId } from '../ids/external-id.ts';
import type { Credential, CredentialKind, FederationRules } from '../model/credentials.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { TagRules } from '../policy-file/tag-rules.ts';
import type { Store, Tx } from '../ports/store.ts';
import { mayRead, mayRevoke } from './key-access.ts';
import {
  checkClaims,
  checkDescription,
  checkExpirySeconds,
  checkGlob,
  checkIssuer,
  checkScopes,
  needTags,
} from './key-rules.ts';
import { FAMILY_PERMISSIONS, familyOf } from './kinds.ts';
import { newCredential } from './new-credential.ts';
import { endServiceKey } from './service-key-end.ts';
import { createToken } from './token.ts';

export interface NewAuthKey {
  readonly description: string;
  /** 0 or none: as long as keys may live. */
  readonly expirySeconds?: number;
  readonly reusable: boolean;
  readonly ephemeral: boolean;
  readonly preauthorized: boolean;
  readonly tags: readonly string[];
}

export interface ClientSettings {
  readonly description: string;
  readonly scopes: readonly string[];
  readonly tags: readonly string[];
}

export interface FederationSettings extends ClientSettings {
  readonly issuer: string;
  /** A pattern in which `*` stands for any text. */
  readonly subject: string;
  /** None: `defaultAudience` of the key's public id. */
  readonly audience: string | undefined;
  readonly claims: Readonly<Record<string, string>>;
}

export interface CreatedKey {
  readonly key: Credential;
  /** The secret, shown once; null for kinds that have none. */
  readonly token: string | null;
}

export interface KeyService {
  /** Errors of all that create: `forbidden`, `invalid`, `tags_not_permitted`. */
  createAuthKey(actor: Actor, input: NewAuthKey, origin: AuditOrigin): Promise<CreatedKey>;
  createClient(actor: Actor, input: ClientSettings, origin: AuditOrigin): Promise<CreatedKey>;
  createFederated(
    actor: Actor,
    input: FederationSettings,
    defaultAudience: (publicId: string) => string,
    origin: AuditOrigin,
  ): Promise<CreatedKey>;
  /** Replaces all settings of an OAuth client or a federated identity. */
  replaceClient(
    actor: Actor,
    publicId: string,
    input: ClientSettings,
    origin: AuditOrigin,
  ): Promise<Credential>;
  replaceFederated(
    actor: Actor,
    publicId: string,
    input: FederationSettings,
    origin: AuditOrigin,
  ): Promise<Credential>;
  /** Revoked and expired keys too. Errors: `not_found`, `forbidden`. */
  get(actor: Actor, publicId: string): Promise<Credential>;
  /** Revokes; what joined or was minted with it: devices stay, tokens end. Errors: `not_found`, `forbidden`. */
  revoke(actor: Actor, publicId: string, origin: AuditOrigin): Promise<void>;
}

export interface KeyServiceParts {
  readonly store: Store;
  readonly random: Random;
  readonly tagRules: TagRules;
}

type Draft = Pick<Credential, 'description' | 'scopes' | 'tags'> &
  Partial<Pick<Credential, 'reusable' | 'ephemeral' | 'preauthorized' | 'expirySeconds'>>;

/** Fewer scopes narrow what was minted by themselves; a tag, or who may come for a token, is in the token for good. */
function holdsStill(before: Credential, after: Credential): boolean {
  const rulesOf = ({ federation }: Credential): string =>
    federation === null
      ? ''
      : JSON.stringify([
          ...[federation.issuer, federation.subject, federation.audience],
          Object.entries(federation.claims).toSorted(([a], [b]) => (a < b ? -1 : 1)),
        ]);
  return before.tags.every((tag) => after.tags.includes(tag)) && rulesOf(before) === rulesOf(after);
}

async function endMinted(tx: Tx, { org, id }: Credential): Promise<void> {
  const where = { parent: id, kind: 'access', revokedAt: null } as const;
  for await (const minted of eachRow(tx, 'credential', org, where)) {
    await tx.update('credential', org, minted.id, { revokedAt: tx.now });
  }
}

export function createKeyService({ store, random, tagRules }: KeyServiceParts): KeyService {
  const find = async (reader: Pick<Store, 'get'>, actor: Actor, publicId: string): Promise<Credential> => {
    const id = decodeExternalId('credential', publicId);
    const key = id === undefined ? undefined : await reader.get('credential', actor.org, id);
    if (key === undefined || familyOf(key.kind) === undefined) throw notFound('key');
    return key;
  };

  /** The credential that the call is made with, which may be of a kind that no list shows. */
  const ownToken = async (actor: Actor, publicId: string): Promise<Credential | undefined> => {
    const id = actor.kind === 'system' ? undefined : actor.credential?.id;
    if (id === undefined || id !== decodeExternalId('credential', publicId)) return undefined;
    return store.get('credential', actor.org, id);
  };

  const insert = (
    actor: Actor,
    kind: CredentialKind,
    draft: Draft,
    federation: ((publicId: string) => FederationRules) | null,
    origin: AuditOrigin,
  ): Promise<CreatedKey> =>
    store.write(contextOf(actor, origin, 1), async (tx) => {
      const id = tx.newId();
      const { token, publicId, secretHash } = createToken(random, kind, id);
      const expirySeconds = draft.expirySeconds ?? null;
      const personal = kind === 'auth-key' && actor.kind === 'member';
      const key = await tx.insert(
        'credential',
        newCredential({
          org: actor.org,
          id,
          kind,
          ownerKind: personal ? 'membership' : 'organization',
          owner: personal ? actor.membership : 0,
          name: draft.description,
          description: draft.description,
          publicId,
          secretHash: federation === null ? secretHash : null,
          scopes: draft.scopes,
          tags: draft.tags,
          reusable: draft.reusable ?? false,
          ephemeral: draft.ephemeral ?? false,
          preauthorized: draft.preauthorized ?? false,
          expirySeconds,
          createdAt: tx.now,
          expiresAt: expirySeconds === null ? null : tx.now + expirySeconds * SECOND,
          federation: federation?.(publicId) ?? null,
          ...byColumnsOf(actor),
        }),
      );
      auditOf(tx, key, 'create', { after: key });
      return { key, token: federation === null ? token : null };
    });

  /** Checks what clients and federated identities have in common. */
  const clientDraft = async (actor: Actor, input: ClientSettings): Promise<Draft> => {
    const description = checkDescription(input.description);
    const scopes = checkScopes(actor, input.scopes);
    if (needTags(scopes) && input.tags.length === 0) {
      throw invalid('tags are required when scopes contain devices:core or auth_keys', 'tags');
    }
    return { description, scopes, tags: await tagRules.permitted(actor, input.tags) };
  };

  const federationOf = (input: FederationSettings, audience: string): FederationRules => ({
    issuer: checkIssuer(input.issuer),
    subject: checkGlob(input.subject, 'subject'),
    audience,
    claims: checkClaims(input.claims),
  });

  const replace = (
    actor: Actor,
    publicId: string,
    kind: 'oauth-client' | 'federated',
    draft: Draft,
    federation: ((before: Credential) => FederationRules) | null,
    origin: AuditOrigin,
  ): Promise<Credential> =>
    store.write(contextOf(actor, origin), async (tx) => {
      const before = await find(tx, actor, publicId);
      const family = familyOf(before.kind);
      if (before.kind !== kind) throw invalid(`keys of type "${family}" can not be updated`, 'keyType');
      if (before.revokedAt !== null) throw notFound('key');
      const after = await tx.update('credential', actor.org, before.id, {
        name: draft.description,
        description: draft.description,
        scopes: draft.scopes,
        tags: draft.tags,
        federation: federation?.(before) ?? null,
        updatedAt: tx.now,
      });
      if (!holdsStill(before, after)) await endMinted(tx, after);
      auditOf(tx, after, 'update', { before, after });
      return after;
    });

  return {
    createAuthKey: async (actor, input, origin) => {
      authorize(actor, FAMILY_PERMISSIONS.auth.write);
      const description = checkDescription(input.description);
      const expirySeconds = checkExpirySeconds(input.expirySeconds);
      if (actor.kind !== 'member' && input.tags.length === 0) {
        // Without a person or a tag behind it, a device would belong to nobody.
        throw invalid('tailnet-owned auth key must have tags set', 'tags');
      }
      const tags = await tagRules.permittedOnKey(actor, input.tags);
      const { reusable, ephemeral, preauthorized } = input;
      const draft = { description, scopes: [], tags, reusable, ephemeral, preauthorized, expirySeconds };
      return insert(actor, 'auth-key', draft, null, origin);
    },
    createClient: async (actor, input, origin) => {
      authorize(actor, FAMILY_PERMISSIONS.client.write);
      return insert(actor, 'oauth-client', await clientDraft(actor, input), null, origin);
    },
    createFederated: async (actor, input, defaultAudience, origin) => {
      authorize(actor, FAMILY_PERMISSIONS.federated.write);
      federationOf(input, '');
      const rules = (publicId: string) => federationOf(input, input.audience || defaultAudience(publicId));
      return insert(actor, 'federated', await clientDraft(actor, input), rules, origin);
    },
    replaceClient: async (actor, publicId, input, origin) => {
      authorize(actor, FAMILY_PERMISSIONS.client.write);
      return replace(actor, publicId, 'oauth-client', await clientDraft(actor, input), null, origin);
    },
    replaceFederated: async (actor, publicId, input, origin) => {
      authorize(actor, FAMILY_PERMISSIONS.federated.write);
      federationOf(input, '');
      const draft = await clientDraft(actor, input);
      const rules = (before: Credential) =>
        federationOf(input, input.audience || (before.federation?.audience ?? ''));
      return replace(actor, publicId, 'federated', draft, rules, origin);
    },
    get: async (actor, publicId) => {
      const key = (await ownToken(actor, publicId)) ?? (await find(store, actor, publicId));
      if (!mayRead(actor, key)) throw refusedKey();
      return key;
    },
    revoke: (actor, publicId, origin) =>
      store.write(contextOf(actor, origin), async (tx) => {
        const key = await find(tx, actor, publicId);
        if (!(await mayRevoke(tx, actor, key))) throw refusedKey();
        if (key.revokedAt !== null) return;
        if (key.kind === 'service-key') await endServiceKey(tx, key);
        await tx.update('credential', actor.org, key.id, { revokedAt: tx.now });
        auditOf(tx, key, 'revoke');
      }),
  };
}

const refusedKey = (): AppError =>
  new AppError('forbidden', 'calling actor does not have enough permissions to perform this function');

/** What the audit log shows of a key: what it is good for, and for whom. */
const shown = ({ kind, scopes, tags, federation, ...key }: Credential): object => ({
  kind,
  scopes,
  tags,
  ...(kind === 'auth-key'
    ? { reusable: key.reusable, ephemeral: key.ephemeral, preauthorized: key.preauthorized }
    : {}),
  ...federation,
});

function auditOf(
  tx: Tx,
  key: Credential,
  verb: 'create' | 'update' | 'revoke',
  { before, after }: { readonly before?: Credential; readonly after?: Credential } = {},
): void {
  tx.audit(key.org, {
    verb,
    objectKind: 'credential',
    objectId: key.id,
    objectName: key.description || key.publicId,
    ...(before === undefined ? {} : { before: shown(before) }),
    ...(after === undefined ? {} : { after: shown(after) }),
  });
}
