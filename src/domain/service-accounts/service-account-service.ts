/**
 * Service accounts, whatever dialect makes them, and their keys for the network. What an account may do is fixed when it is
 * made: `none` is reached by access edges alone, `org-service` administrates. Whoever gives an account a key, changes or
 * deletes it must hold what the account holds.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`, `conflict`.
 */
import { DAY } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Random, randomNanoId } from '../../kernel/random.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { removeCredential, removeCredentials } from '../credentials/credential-removal.ts';
import { newCredential } from '../credentials/new-credential.ts';
import { endServiceKey } from '../credentials/service-key-end.ts';
import { createToken } from '../credentials/token.ts';
import { removeDevice } from '../devices/device-removal.ts';
import { eachRow } from '../directory/each-row.ts';
import { changesOf, type ListChange, missing, requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { Credential } from '../model/credentials.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { ServiceAccount } from '../model/people.ts';
import type { AccessService } from '../networks/access-service.ts';
import { findEdges, removeEdge } from '../networks/edges.ts';
import { requireManages } from '../people/role-rules.ts';
import type { Store, Tx } from '../ports/store.ts';

export interface NewServiceAccount {
  readonly name: string;
  readonly description?: string | null;
  readonly role: ServiceAccount['role'];
  readonly resources?: readonly number[];
}

export interface ServiceAccountChange {
  readonly name?: string;
  readonly description?: string | null;
  readonly resources?: ListChange;
}

export interface NewServiceKey {
  readonly account: number;
  /** 0: never expires; at most 365. */
  readonly days: number;
  readonly name?: string;
}

export interface ServiceAccountService {
  create(actor: Actor, input: NewServiceAccount, origin: AuditOrigin): Promise<ServiceAccount>;
  update(
    actor: Actor,
    id: number,
    change: ServiceAccountChange,
    origin: AuditOrigin,
  ): Promise<ServiceAccount>;
  /** With its keys, accesses and devices. */
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  /** The secret is shown once. */
  createKey(
    actor: Actor,
    input: NewServiceKey,
    origin: AuditOrigin,
  ): Promise<{ readonly key: Credential; readonly token: string }>;
  renameKey(actor: Actor, id: number, name: string, origin: AuditOrigin): Promise<Credential>;
  revokeKey(actor: Actor, id: number, origin: AuditOrigin): Promise<Credential>;
  /** `conflict` for a key that still is good. */
  removeKey(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

export interface ServiceAccountServiceParts {
  readonly store: Store;
  readonly random: Random;
  readonly access: AccessService;
}

const MAX_NAME = 255;
const MAX_DESCRIPTION = 500;
const MAX_DAYS = 365;
const SPARE_IDS = 64;

function checkName(text: string): string {
  const name = text.trim();
  if (name === '') throw invalid('the name must not be empty', 'name');
  if (name.length > MAX_NAME) throw invalid(`the name must not exceed ${MAX_NAME} characters`, 'name');
  if (/[\p{Cc}<>]/u.test(name))
    throw invalid('the name must not contain control characters or < and >', 'name');
  return name;
}

function checkDescription(text: string | null): string | null {
  if (text !== null && text.length > MAX_DESCRIPTION) {
    throw invalid(`the description must not exceed ${MAX_DESCRIPTION} characters`, 'description');
  }
  return text;
}

export function createServiceAccountService(parts: ServiceAccountServiceParts): ServiceAccountService {
  const { store, random, access } = parts;

  /** The system's own account is nobody's to change. */
  const find = async (tx: Tx, actor: Actor, id: number): Promise<ServiceAccount> => {
    const account = await requireRow(tx, 'serviceAccount', actor.org, id);
    if (account.system) throw missing('serviceAccount', id);
    if (account.role === 'org-service') requireManages(actor, 'admin');
    return account;
  };
  const findKey = async (tx: Tx, actor: Actor, id: number) => {
    const key = await requireRow(tx, 'credential', actor.org, id);
    if (key.kind !== 'service-key' || key.ownerKind !== 'service_account') throw missing('credential', id);
    return { key, account: await find(tx, actor, key.owner) };
  };
  const changeResources = async (
    tx: Tx,
    actor: Actor,
    account: ServiceAccount,
    change: ListChange,
  ): Promise<boolean> => {
    const edges = await findEdges(tx, actor.org, {
      principalKind: 'service_account',
      principal: account.id,
    });
    const changes = changesOf(
      edges.map(({ resource }) => resource),
      change,
    );
    await access.setResources(tx, actor, { kind: 'service_account', id: account.id }, changes);
    return changes.added.length > 0 || changes.removed.length > 0;
  };
  const allow = (actor: Actor, resources: unknown): void => {
    authorize(actor, 'service-accounts:write');
    if (resources !== undefined) authorize(actor, 'access:write');
  };
  const idsFor = (change: ListChange | undefined): number =>
    (change?.set?.length ?? 0) + (change?.add?.length ?? 0) + SPARE_IDS;

  return {
    create: async (actor, input, origin) => {
      allow(actor, input.resources);
      if (input.role === 'org-service') requireManages(actor, 'admin');
      const name = checkName(input.name);
      const description = checkDescription(input.description ?? null);
      const resources = { set: input.resources ?? [] };
      return store.write(contextOf(actor, origin, idsFor(resources)), async (tx) => {
        const account = await tx.insert('serviceAccount', {
          org: actor.org,
          id: tx.newId(),
          nano: randomNanoId(random),
          name,
          description,
          role: input.role,
          system: false,
          createdAt: tx.now,
          updatedAt: tx.now,
          ...byColumnsOf(actor),
        });
        audit(tx, account, 'create', { after: { name, role: input.role } });
        await changeResources(tx, actor, account, resources);
        return account;
      });
    },

    update: async (actor, id, change, origin) => {
      allow(actor, change.resources);
      const wanted = {
        ...(change.name === undefined ? {} : { name: checkName(change.name) }),
        ...(change.description === undefined ? {} : { description: checkDescription(change.description) }),
      };
      return store.write(contextOf(actor, origin, idsFor(change.resources)), async (tx) => {
        const before = await find(tx, actor, id);
        const after = await tx.update('serviceAccount', actor.org, id, wanted);
        if (!isSameRow(before, after)) {
          audit(tx, before, 'update', {
            before: { name: before.name, description: before.description },
            after: wanted,
          });
        }
        const moved =
          change.resources !== undefined && (await changeResources(tx, actor, before, change.resources));
        if (isSameRow(before, after) && !moved) return before;
        return tx.update('serviceAccount', actor.org, id, { updatedAt: tx.now });
      });
    },

    remove: async (actor, id, origin) => {
      authorize(actor, 'service-accounts:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const account = await find(tx, actor, id);
        const { org } = account;
        const owned = { ownerKind: 'service_account', owner: id } as const;
        for await (const device of eachRow(tx, 'device', org, owned)) await removeDevice(tx, device);
        await removeCredentials(tx, org, owned);
        const held = { principalKind: 'service_account', principal: id } as const;
        for (const edge of await tx.find('accessEdge', org, held)) await removeEdge(tx, edge);
        await tx.remove('serviceAccount', org, id);
        audit(tx, account, 'delete');
      });
    },

    createKey: async (actor, { account: accountId, days, name: given }, origin) => {
      authorize(actor, 'service-accounts:write');
      if (!Number.isInteger(days) || days < 0 || days > MAX_DAYS) {
        throw invalid(`expirationTime must be 0 to ${MAX_DAYS} days`, 'expirationTime');
      }
      const name = given === undefined ? undefined : checkName(given);
      return store.write(contextOf(actor, origin), async (tx) => {
        const account = await find(tx, actor, accountId);
        const id = tx.newId();
        const { kind, token, publicId, secretHash } = createToken(random, 'service-key', id);
        const key = await tx.insert(
          'credential',
          newCredential({
            org: actor.org,
            id,
            kind,
            ownerKind: 'service_account',
            owner: account.id,
            name: name ?? `${account.name} key ${publicId}`,
            publicId,
            secretHash,
            preauthorized: true,
            expirySeconds: days === 0 ? null : days * (DAY / 1000),
            createdAt: tx.now,
            expiresAt: days === 0 ? null : tx.now + days * DAY,
            ...byColumnsOf(actor),
          }),
        );
        auditKey(tx, key, 'create', { after: { days } });
        return { key, token };
      });
    },

    renameKey: async (actor, id, text, origin) => {
      authorize(actor, 'service-accounts:write');
      const name = checkName(text);
      return store.write(contextOf(actor, origin), async (tx) => {
        const { key } = await findKey(tx, actor, id);
        if (key.name === name) return key;
        auditKey(tx, key, 'update', { field: 'name', before: key.name, after: name });
        return tx.update('credential', actor.org, id, { name, updatedAt: tx.now });
      });
    },

    revokeKey: async (actor, id, origin) => {
      authorize(actor, 'service-accounts:write');
      return store.write(contextOf(actor, origin), async (tx) => {
        const { key } = await findKey(tx, actor, id);
        if (key.revokedAt !== null) return key;
        auditKey(tx, key, 'revoke');
        await endServiceKey(tx, key);
        return tx.update('credential', actor.org, id, { revokedAt: tx.now, updatedAt: tx.now });
      });
    },

    removeKey: async (actor, id, origin) => {
      authorize(actor, 'service-accounts:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const { key } = await findKey(tx, actor, id);
        const expired = key.expiresAt !== null && key.expiresAt <= tx.now;
        if (key.revokedAt === null && !expired) {
          throw new AppError('conflict', 'the key is active: revoke it first');
        }
        await removeCredential(tx, key);
        auditKey(tx, key, 'delete');
      });
    },
  };
}

interface Change {
  readonly field?: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

function audit(
  tx: Tx,
  account: ServiceAccount,
  verb: 'create' | 'update' | 'delete',
  change: Change = {},
): void {
  tx.audit(account.org, {
    verb,
    objectKind: 'serviceAccount',
    objectId: account.id,
    objectName: account.name,
    ...change,
  });
}

function auditKey(
  tx: Tx,
  key: Credential,
  verb: 'create' | 'update' | 'revoke' | 'delete',
  change: Change = {},
): void {
  tx.audit(key.org, { verb, objectKind: 'credential', objectId: key.id, objectName: key.name, ...change });
}
