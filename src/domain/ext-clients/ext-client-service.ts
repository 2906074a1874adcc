/**
 * External clients: plain WireGuard peers of a gateway. A client stands for its owner; what it may reach follows from
 * the owner's groups by the policy in force.
 *
 * Errors of all: `forbidden`, `not_found`, `invalid`, `taken` (id, public key), `conflict` (the program has a client
 * already, no address free), `too_large`.
 */
import { AppError } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { createPresharedKey, createWireGuardKeyPair } from '../../kernel/wireguard-keys.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireRow } from '../directory/missing.ts';
import type { NetworkPermissions } from '../groups/network-permissions.ts';
import type { ExtClient, Gateway, Network } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Sealer } from '../ports/sealer.ts';
import type { Store, Tx } from '../ports/store.ts';
import { mayManageAll, ownerOfNew, requireMayWrite } from './client-access.ts';
import { giveAddresses, withPools } from './client-pools.ts';
import {
  requireClient,
  requireFreeKey,
  requireFreePrefixes,
  requireGateway,
  requireReach,
} from './client-preconditions.ts';
import { auditClient, removeExtClient, switchClients } from './client-removal.ts';
import {
  checkClientId,
  checkDns,
  checkExtraAllowedIps,
  checkPresharedKey,
  checkProgramId,
  checkPublicKey,
  generatedClientId,
} from './client-rules.ts';
import { presharedKeyPlace, privateKeyPlace } from './client-secrets.ts';

/** A preshared key that the caller has, or one to be made. */
export type PresharedKeyInput = string | 'make';

export interface ExtClientChange {
  readonly clientId?: string;
  readonly publicKey?: string;
  /** Null takes it away. */
  readonly presharedKey?: PresharedKeyInput | null;
  readonly dns?: string;
  readonly extraAllowedIps?: readonly string[];
  readonly enabled?: boolean;
  readonly deviceId?: string;
  readonly racId?: string;
  /** Only shown. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface NewExtClient extends ExtClientChange {
  readonly gateway: number;
}

export interface ExtClientService {
  /** Without a public key the server makes the pair, and keeps the private key sealed. */
  create(actor: Actor, input: NewExtClient, origin: AuditOrigin): Promise<ExtClient>;
  update(actor: Actor, id: number, change: ExtClientChange, origin: AuditOrigin): Promise<ExtClient>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  /** Switches on all clients of a member that were switched off one by one. Requires `members:write`. */
  enableAll(actor: Actor, member: number, origin: AuditOrigin): Promise<void>;
}

/** Of one person on one gateway, and of a gateway. */
const MAX_OWN = 50;
const MAX_OF_GATEWAY = 10_000;
const MAX_DETAILS_BYTES = 8 * 1024;
const MAX_TRIES = 20;
/** A client that takes the place of older ones removes them in the same write. */
const IDS = 16;

export interface ExtClientServiceParts {
  readonly store: Store;
  readonly random: Random;
  readonly sealer: Sealer;
  readonly permissions: NetworkPermissions;
}

export function createExtClientService(parts: ExtClientServiceParts): ExtClientService {
  const { store, random, sealer, permissions } = parts;
  const freeClientId = async (tx: Tx, org: number, given: string | undefined): Promise<string> => {
    const isTaken = async (clientId: string): Promise<boolean> =>
      (await tx.find('extClient', org, { clientId }, 1)).length > 0;
    if (given !== undefined && given !== '') {
      const clientId = checkClientId(given);
      if (await isTaken(clientId)) {
        throw new AppError('taken', 'client validation: duplicate client name', { field: 'clientid' });
      }
      return clientId;
    }
    for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
      const clientId = generatedClientId(random);
      if (!(await isTaken(clientId))) return clientId;
    }
    throw new Error('no free name for a client was found');
  };

  const sealPresharedKey = (org: number, id: number, given: PresharedKeyInput): string => {
    const key = given === 'make' ? createPresharedKey(random) : checkPresharedKey(given);
    return sealer.seal(key, presharedKeyPlace(org, id));
  };

  /** Whether the actor does this with anybody's client of the network. Asked before the write, which reads by itself. */
  const rules = async (actor: Actor, id: number, verb: 'update' | 'delete'): Promise<boolean> => {
    const client = await store.get('extClient', actor.org, id);
    const gateway = client && (await store.get('gateway', actor.org, client.gateway));
    if (gateway === undefined) return false;
    const what = { thing: 'ext-client', verb } as const;
    return (await permissions.reach(actor, gateway.network, what, 'networks:write')) === 'all';
  };

  return {
    create: async (actor, input, origin) => {
      const { org } = actor;
      const owner = ownerOfNew(actor);
      requireMayWrite(actor, owner);
      const settings = checked(actor, input);
      return store.write(contextOf(actor, origin, IDS), async (tx) => {
        const { gateway, network } = await requireGateway(tx, org, input.gateway);
        if (!mayManageAll(actor)) await requireReach(tx, actor, network);
        await replaceOthers(tx, network, gateway, owner, settings);
        const siblings = await tx.find('extClient', org, { gateway: gateway.id }, MAX_OF_GATEWAY);
        const own = siblings.filter((one) => one.ownerKind === owner.ownerKind && one.owner === owner.owner);
        if (siblings.length >= MAX_OF_GATEWAY || (own.length >= MAX_OWN && !mayManageAll(actor))) {
          throw new AppError('too_large', 'the gateway has too many clients');
        }
        await requireFreePrefixes(tx, org, settings.extraAllowedIps ?? [], undefined);
        const id = tx.newId();
        const pair = input.publicKey ? undefined : createWireGuardKeyPair(random);
        const publicKey = pair?.publicKey ?? checkPublicKey(input.publicKey ?? '');
        await requireFreeKey(tx, org, publicKey);
        const client = await tx.insert('extClient', {
          org,
          id,
          clientId: await freeClientId(tx, org, input.clientId),
          gateway: gateway.id,
          ...owner,
          publicKey,
          privateKeySealed:
            pair === undefined ? null : sealer.seal(pair.privateKey, privateKeyPlace(org, id)),
          presharedKeySealed: input.presharedKey ? sealPresharedKey(org, id, input.presharedKey) : null,
          enabled: input.enabled ?? true,
          deviceId: settings.deviceId ?? null,
          racId: settings.racId ?? null,
          extraAllowedIps: settings.extraAllowedIps ?? [],
          dns: settings.dns ?? '',
          createdAt: tx.now,
          updatedAt: tx.now,
          ...byColumnsOf(actor),
        });
        await giveAddresses(tx, await withPools(tx, network), id, siblings.length);
        if (input.details !== undefined) {
          await tx.insert('extClientNetmaker', { org, extClient: id, details: input.details });
        }
        auditClient(tx, client, 'create', {
          network: network.id,
          after: { gateway: gateway.id, publicKey, ...settings },
        });
        return client;
      });
    },

    update: async (actor, id, change, origin) => {
      const { org } = actor;
      const settings = checked(actor, change);
      const everybodys = await rules(actor, id, 'update');
      return store.write(contextOf(actor, origin), async (tx) => {
        const before = await requireClient(tx, actor, id, everybodys);
        if (!everybodys) requireMayWrite(actor, before);
        // Whoever administrates has switched it off; its owner cannot undo that.
        if (change.enabled === true && !before.enabled && !everybodys) {
          throw new AppError('forbidden', 'an administrator enables external clients');
        }
        const { gateway, network } = await requireGateway(tx, org, before.gateway, { unbound: true });
        await requireFreePrefixes(tx, org, settings.extraAllowedIps ?? [], id);
        const renamed = change.clientId && change.clientId !== before.clientId ? change.clientId : undefined;
        const rekeyed =
          change.publicKey && change.publicKey !== before.publicKey
            ? checkPublicKey(change.publicKey)
            : undefined;
        if (rekeyed !== undefined) await requireFreeKey(tx, org, rekeyed);
        const after = await tx.update('extClient', org, id, {
          ...settings,
          ...(renamed === undefined ? {} : { clientId: await freeClientId(tx, org, renamed) }),
          // The private key that the server made belongs to the old public one.
          ...(rekeyed === undefined ? {} : { publicKey: rekeyed, privateKeySealed: null }),
          ...(change.presharedKey === undefined
            ? {}
            : {
                presharedKeySealed:
                  change.presharedKey === null ? null : sealPresharedKey(org, id, change.presharedKey),
              }),
          ...(change.enabled === undefined ? {} : { enabled: change.enabled }),
        });
        if (change.details !== undefined) {
          await tx.put('extClientNetmaker', { org, extClient: id, details: change.details });
        }
        if (after === before) return before;
        auditClient(tx, after, 'update', {
          network: network.id,
          before: shown(before),
          after: { ...shown(after), gateway: gateway.id },
        });
        return tx.update('extClient', org, id, { updatedAt: tx.now });
      });
    },

    remove: async (actor, id, origin) => {
      const everybodys = await rules(actor, id, 'delete');
      await store.write(contextOf(actor, origin), async (tx) => {
        const client = await requireClient(tx, actor, id, everybodys);
        if (!everybodys) requireMayWrite(actor, client);
        await removeExtClient(tx, client);
      });
    },

    enableAll: async (actor, id, origin) => {
      authorize(actor, 'members:write');
      const off = { ownerKind: 'membership', owner: id, enabled: false } as const;
      if ((await store.find('extClient', actor.org, off, 1)).length === 0) return;
      await store.write(contextOf(actor, origin), async (tx) =>
        switchClients(tx, await requireRow(tx, 'membership', actor.org, id), true),
      );
    },
  };
}

const shown = ({ clientId, publicKey, enabled, extraAllowedIps, dns }: ExtClient) => ({
  clientId,
  publicKey,
  enabled,
  extraAllowedIps,
  dns,
});

type Settings = Partial<Pick<ExtClient, 'dns' | 'extraAllowedIps' | 'deviceId' | 'racId'>>;

/** The rules that need no database. */
function checked(actor: Actor, change: ExtClientChange): Settings {
  const extraAllowedIps =
    change.extraAllowedIps === undefined ? undefined : checkExtraAllowedIps(change.extraAllowedIps);
  // Whatever has such an address is sent to this client: that is for whoever shapes the network.
  if (extraAllowedIps !== undefined && extraAllowedIps.length > 0) authorize(actor, 'networks:write');
  if (JSON.stringify(change.details ?? {}).length > MAX_DETAILS_BYTES) {
    throw new AppError('too_large', 'what is said of the client is too long');
  }
  return {
    ...(change.dns === undefined ? {} : { dns: checkDns(change.dns) }),
    ...(extraAllowedIps === undefined ? {} : { extraAllowedIps }),
    ...(change.deviceId === undefined ? {} : { deviceId: checkProgramId(change.deviceId, 'device_id') }),
    ...(change.racId === undefined ? {} : { racId: checkProgramId(change.racId, 'remote_access_client_id') }),
  };
}

/** One client a program and gateway, and one gateway a device and network. */
async function replaceOthers(
  tx: Tx,
  network: Network,
  gateway: Gateway,
  owner: Pick<ExtClient, 'ownerKind' | 'owner'>,
  { deviceId = null, racId = null }: Settings,
): Promise<void> {
  if (deviceId === null && racId === null) return;
  const { org } = network;
  const own = await tx.find('extClient', org, owner);
  const same = own.filter(
    (client) =>
      (deviceId !== null && client.deviceId === deviceId) || (racId !== null && client.racId === racId),
  );
  if (same.some((client) => client.gateway === gateway.id)) {
    throw new AppError('conflict', 'remote client config already exists on the gateway');
  }
  if (deviceId === null) return;
  const gateways = new Set((await tx.find('gateway', org, { network: network.id })).map(({ id }) => id));
  for (const client of same) {
    if (client.deviceId === deviceId && gateways.has(client.gateway)) await removeExtClient(tx, client);
  }
}
