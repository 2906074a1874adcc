/**
 * Gateways: places in a network for devices that serve it. A gateway exists before its device; its tokens are what a device
 * joins with to become it. A new pair of tokens ends the old one and the binding of whatever joined with it.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`, `taken` (name).
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { sameDigest } from '../../kernel/hash.ts';
import type { Random } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { insertToken } from '../credentials/insert-token.ts';
import { parseToken } from '../credentials/token.ts';
import { requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import { checkDns } from '../ext-clients/client-rules.ts';
import type { Credential } from '../model/credentials.ts';
import type { Gateway } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { gatewayName } from './gateway-names.ts';
import { removeGateway } from './gateway-removal.ts';

export interface GatewayTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export interface GatewayLook {
  readonly metadata: string;
  /** 0: the agent's. */
  readonly mtu: number;
  /** Resolvers for clients that name none, separated by commas. */
  readonly dns: string;
}

export interface GatewayService {
  create(
    actor: Actor,
    input: { readonly network: number; readonly name?: string; readonly statusNotifications?: boolean },
    origin: AuditOrigin,
  ): Promise<Gateway>;
  /** A device that is there becomes a gateway of the network, named after its host. One that is it already stays so. */
  attach(
    actor: Actor,
    input: { readonly network: number; readonly device: number },
    origin: AuditOrigin,
  ): Promise<Gateway>;
  /** How plain clients are told to use it; what is not given stays. */
  setLook(actor: Actor, id: number, look: Partial<GatewayLook>, origin: AuditOrigin): Promise<void>;
  update(
    actor: Actor,
    id: number,
    change: { readonly name?: string; readonly statusNotifications?: boolean },
    origin: AuditOrigin,
  ): Promise<Gateway>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  /** A fresh pair, shown once. */
  generateTokens(actor: Actor, id: number, origin: AuditOrigin): Promise<GatewayTokens>;
  /** Whether both tokens are the present pair of one gateway. */
  areValid(tokens: GatewayTokens): Promise<boolean>;
}

const MIN_NAME = 3;
const MAX_NAME = 255;
const MAX_TRIES = 20;

/** Without blanks around it, and one where there were several. */
function checkName(text: string): string {
  const name = text.trim().replace(/\s+/gu, ' ');
  if (name.length < MIN_NAME) throw invalid(`the name must have at least ${MIN_NAME} characters`, 'name');
  if (name.length > MAX_NAME) throw invalid(`the name must not exceed ${MAX_NAME} characters`, 'name');
  if (/\p{Cc}/u.test(name)) throw invalid('the name must not contain control characters', 'name');
  return name;
}

const MAX_METADATA = 2_000;
const MIN_MTU = 576;
const MAX_MTU = 9_000;

function checkLook({ metadata, mtu, dns }: Partial<GatewayLook>): Partial<GatewayLook> {
  if (metadata !== undefined && metadata.length > MAX_METADATA) {
    throw invalid(`metadata must not exceed ${MAX_METADATA} characters`, 'metadata');
  }
  if (mtu !== undefined && mtu !== 0 && (!Number.isInteger(mtu) || mtu < MIN_MTU || mtu > MAX_MTU)) {
    throw invalid(`mtu must be between ${MIN_MTU} and ${MAX_MTU}`, 'mtu');
  }
  return {
    ...(metadata === undefined ? {} : { metadata }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(dns === undefined ? {} : { dns: checkDns(dns) }),
  };
}

export function createGatewayService({
  store,
  random,
}: {
  readonly store: Store;
  readonly random: Random;
}): GatewayService {
  const holder = async (tx: Tx, org: number, network: number, name: string): Promise<Gateway | undefined> =>
    (await tx.find('gateway', org, { network, nameKey: normalizeKey(name) }, 1))[0];
  const requireFree = async (tx: Tx, org: number, network: number, name: string, own?: number) => {
    const other = await holder(tx, org, network, name);
    if (other !== undefined && other.id !== own) {
      throw new AppError('taken', 'a gateway with this name already exists', { field: 'name' });
    }
  };
  const freeName = async (tx: Tx, org: number, network: number): Promise<string> => {
    for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
      const name = gatewayName(random);
      if ((await holder(tx, org, network, name)) === undefined) return name;
    }
    throw new Error('no free name for a gateway was found');
  };

  return {
    create: async (actor, input, origin) => {
      authorize(actor, 'networks:write');
      const given = input.name === undefined ? undefined : checkName(input.name);
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const network = await requireRow(tx, 'network', org, input.network);
        if (given !== undefined) await requireFree(tx, org, network.id, given);
        const name = given ?? (await freeName(tx, org, network.id));
        const gateway = await insertGateway(tx, actor, { network: network.id, device: null, name });
        audit(tx, gateway, 'create');
        if (input.statusNotifications === false) await setNotifications(tx, gateway, false);
        return gateway;
      });
    },

    attach: async (actor, input, origin) => {
      authorize(actor, 'networks:write');
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const network = await requireRow(tx, 'network', org, input.network);
        const device = await requireRow(tx, 'device', org, input.device);
        const [present] = await tx.find('gateway', org, { network: network.id, device: device.id }, 1);
        if (present !== undefined) return present;
        // A connector's device serves the network of its connector, and a visitor's machine none.
        if (device.ownerKind === 'gateway') throw invalid('the device is a gateway of its own', 'hostid');
        const base = device.label.padEnd(MIN_NAME, '-');
        let name = base;
        for (let number = 2; (await holder(tx, org, network.id, name)) !== undefined; number += 1)
          name = `${base}-${number}`;
        const gateway = await insertGateway(tx, actor, { network: network.id, device: device.id, name });
        audit(tx, gateway, 'create', { after: { device: device.id } });
        return gateway;
      });
    },

    setLook: async (actor, id, look, origin) => {
      authorize(actor, 'networks:write');
      const { org } = actor;
      const wanted = checkLook(look);
      await store.write(contextOf(actor, origin), async (tx) => {
        const gateway = await requireRow(tx, 'gateway', org, id);
        const present = await tx.get('gatewayNetmaker', org, { gateway: id });
        const before = { metadata: present?.metadata ?? '', mtu: present?.mtu ?? 0, dns: present?.dns ?? '' };
        const after = { ...before, ...wanted };
        if (JSON.stringify(after) === JSON.stringify(before)) return;
        await tx.put('gatewayNetmaker', { org, gateway: id, ...after });
        audit(tx, gateway, 'update', { field: 'look', before, after });
      });
    },

    update: async (actor, id, change, origin) => {
      authorize(actor, 'networks:write');
      const name = change.name === undefined ? undefined : checkName(change.name);
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const gateway = await requireRow(tx, 'gateway', org, id);
        if (name !== undefined) await requireFree(tx, org, gateway.network, name, id);
        const renamed = await tx.update(
          'gateway',
          org,
          id,
          name === undefined ? {} : { name, nameKey: normalizeKey(name) },
        );
        if (!isSameRow(gateway, renamed)) {
          audit(tx, gateway, 'update', { field: 'name', before: gateway.name, after: name });
        }
        const set = change.statusNotifications;
        const notified = set !== undefined && (await setNotifications(tx, gateway, set));
        if (isSameRow(gateway, renamed) && !notified) return gateway;
        return tx.update('gateway', org, id, { updatedAt: tx.now });
      });
    },

    remove: async (actor, id, origin) => {
      authorize(actor, 'networks:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const gateway = await requireRow(tx, 'gateway', actor.org, id);
        await removeGateway(tx, gateway);
        audit(tx, gateway, 'delete');
      });
    },

    generateTokens: async (actor, id, origin) => {
      authorize(actor, 'networks:write');
      authorize(actor, 'auth-keys:write');
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const gateway = await requireRow(tx, 'gateway', org, id);
        const generation = gateway.tokenGeneration + 1;
        const older = await tx.find('credential', org, { ownerKind: 'gateway', owner: id, revokedAt: null });
        for (const token of older) await tx.update('credential', org, token.id, { revokedAt: tx.now });
        await tx.update('gateway', org, id, { tokenGeneration: generation });
        const accessToken = await insertConnectorToken(tx, actor, gateway, 'connector-access', generation);
        const refreshToken = await insertConnectorToken(tx, actor, gateway, 'connector-refresh', generation);
        audit(tx, gateway, 'update', { field: 'tokens', after: { generation } });
        return { accessToken, refreshToken };
      });
    },

    areValid: async ({ accessToken, refreshToken }) => {
      const [access, refresh] = await Promise.all([
        present(accessToken, 'connector-access'),
        present(refreshToken, 'connector-refresh'),
      ]);
      if (access === undefined || refresh === undefined) return false;
      if (access.org !== refresh.org || access.owner !== refresh.owner) return false;
      const gateway = await store.get('gateway', access.org, access.owner);
      return (
        gateway !== undefined &&
        [access, refresh].every(({ generation }) => generation === gateway.tokenGeneration)
      );
    },
  };

  async function insertConnectorToken(
    tx: Tx,
    actor: Actor,
    gateway: Gateway,
    kind: 'connector-access' | 'connector-refresh',
    generation: number,
  ): Promise<string> {
    const { token } = await insertToken(tx, random, {
      org: gateway.org,
      kind,
      ownerKind: 'gateway',
      owner: gateway.id,
      name: gateway.name,
      // The device may come again with it, as containers do that keep no state.
      preauthorized: true,
      generation,
      ...byColumnsOf(actor),
    });
    return token;
  }

  async function present(text: string, kind: Credential['kind']): Promise<Credential | undefined> {
    const parsed = parseToken(text);
    if (parsed?.kind !== kind) return undefined;
    const found = await store.lookup('credential', 'publicId', parsed.publicId);
    if (found === undefined || found.kind !== kind || found.revokedAt !== null || found.secretHash === null) {
      return undefined;
    }
    return sameDigest(found.secretHash, parsed.secretHash) ? found : undefined;
  }
}

/** Says whether it changed. */
async function setNotifications(tx: Tx, gateway: Gateway, statusNotifications: boolean): Promise<boolean> {
  const { org, id } = gateway;
  const present = (await tx.get('gatewayTwingate', org, { gateway: id }))?.statusNotifications ?? true;
  if (present === statusNotifications) return false;
  await tx.put('gatewayTwingate', { org, gateway: id, statusNotifications });
  audit(tx, gateway, 'update', { field: 'statusNotifications', before: present, after: statusNotifications });
  return true;
}

function audit(
  tx: Tx,
  gateway: Gateway,
  verb: 'create' | 'update' | 'delete',
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(gateway.org, {
    verb,
    objectKind: 'gateway',
    objectId: gateway.id,
    objectName: gateway.name,
    network: gateway.network,
    ...change,
  });
}

const insertGateway = (
  tx: Tx,
  actor: Actor,
  given: Pick<Gateway, 'network' | 'device' | 'name'>,
): Promise<Gateway> =>
  tx.insert('gateway', {
    org: actor.org,
    id: tx.newId(),
    nameKey: normalizeKey(given.name),
    tokenGeneration: 0,
    boundGeneration: 0,
    createdAt: tx.now,
    updatedAt: tx.now,
    ...byColumnsOf(actor),
    ...given,
  });
