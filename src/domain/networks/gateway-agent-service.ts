/**
 * The agent on a gateway's machine, through which plain WireGuard clients come in: its credential, its side of the tunnels,
 * and what it reports of the clients.
 *
 * Errors of all: `forbidden`, `not_found`, `invalid`, `unauthenticated` for a token that is none, or ended.
 */
import { SECOND } from '../../kernel/clock.ts';
import { AppError, invalid } from '../../kernel/errors.ts';
import { sameDigest } from '../../kernel/hash.ts';
import { formatAddr, parseAddr } from '../../kernel/netip/index.ts';
import type { Random } from '../../kernel/random.ts';
import { isWireGuardKey } from '../../kernel/wireguard-keys.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { insertToken } from '../credentials/insert-token.ts';
import { parseToken } from '../credentials/token.ts';
import { requireRow } from '../directory/missing.ts';
import { gatewayAddresses, withPools } from '../ext-clients/client-pools.ts';
import type { CredentialKind } from '../model/credentials.ts';
import type { Gateway, GatewayAgent, Network } from '../model/networks.ts';
import type { AuditOrigin, By } from '../model/operations.ts';
import type { Store } from '../ports/store.ts';

/** Whose agent it is that calls. */
export interface AgentIdentity {
  readonly org: number;
  readonly gateway: number;
  readonly credential: number;
}

export interface AgentInterface {
  readonly publicKey: string;
  /** What clients dial; undefined: the address that the agent calls from. */
  readonly endpoint?: string;
  readonly listenPort: number;
  readonly mtu: number;
  readonly version: string;
}

/** What a gateway has seen of one client since its interface was made. */
export interface ClientSample {
  readonly client: number;
  /** Milliseconds since 1970, or null: never. */
  readonly lastHandshake: number | null;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly endpoint: string;
}

export interface AgentWelcome {
  readonly gateway: Gateway;
  readonly network: Network;
  readonly agent: GatewayAgent;
  /** With the length of their ranges. */
  readonly addresses: readonly string[];
}

export interface GatewayAgentService {
  /** A fresh token, shown once; an older one ends. */
  createToken(actor: Actor, gateway: number, origin: AuditOrigin): Promise<string>;
  /** The agent's own token, or the present access token of the connector that the gateway is. */
  authenticate(token: string): Promise<AgentIdentity>;
  hello(identity: AgentIdentity, wanted: AgentInterface, calledFrom: string): Promise<AgentWelcome>;
  report(identity: AgentIdentity, version: string, samples: readonly ClientSample[]): Promise<void>;
}

/** An agent that was not heard for so long counts as offline; it reports several times in it. */
export const AGENT_SILENT_MS = 30 * SECOND;

const KINDS: ReadonlySet<CredentialKind> = new Set(['gateway-agent', 'connector-access']);
const MAX_SAMPLES = 10_000;
const MIN_MTU = 576;
const MAX_MTU = 9_000;
const MAX_PORT = 65_535;
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/u;

const refused = (): AppError => new AppError('unauthenticated', 'the token of the gateway is not valid');

function checkEndpoint(text: string): string {
  const addr = parseAddr(text);
  if (addr !== undefined) return formatAddr(addr);
  if (!HOST_NAME.test(text)) throw invalid('endpoint must be an address or a host name', 'endpoint');
  return text.toLowerCase();
}

const within = (value: number, least: number, most: number, field: string): number => {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalid(`${field} must be between ${least} and ${most}`, field);
  }
  return value;
};

function checkInterface(
  wanted: AgentInterface,
  calledFrom: string,
): Omit<GatewayAgent, 'org' | 'gateway' | 'updatedAt'> {
  if (!isWireGuardKey(wanted.publicKey)) throw invalid('public_key must be a WireGuard key', 'public_key');
  return {
    publicKey: wanted.publicKey,
    endpoint: checkEndpoint(wanted.endpoint ?? calledFrom.replace(/^::ffff:/u, '')),
    listenPort: within(wanted.listenPort, 1, MAX_PORT, 'listen_port'),
    mtu: within(wanted.mtu, MIN_MTU, MAX_MTU, 'mtu'),
  };
}

export function createGatewayAgentService({
  store,
  random,
}: {
  readonly store: Store;
  readonly random: Random;
}): GatewayAgentService {
  return {
    createToken: async (actor, id, origin) => {
      authorize(actor, 'networks:write');
      authorize(actor, 'auth-keys:write');
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const gateway = await requireRow(tx, 'gateway', org, id);
        const older = await tx.find('credential', org, {
          ownerKind: 'gateway',
          owner: id,
          kind: 'gateway-agent',
          revokedAt: null,
        });
        for (const old of older) await tx.update('credential', org, old.id, { revokedAt: tx.now });
        const { token } = await insertToken(tx, random, {
          org,
          kind: 'gateway-agent',
          ownerKind: 'gateway',
          owner: id,
          name: gateway.name,
          description: `agent of ${gateway.name}`,
          ...byColumnsOf(actor),
        });
        tx.audit(org, {
          verb: 'update',
          objectKind: 'gateway',
          objectId: id,
          objectName: gateway.name,
          network: gateway.network,
          field: 'agentToken',
        });
        return token;
      });
    },

    authenticate: async (text) => {
      const parsed = parseToken(text);
      if (parsed === undefined || !KINDS.has(parsed.kind)) throw refused();
      const found = await store.lookup('credential', 'publicId', parsed.publicId);
      if (found?.kind !== parsed.kind || found.ownerKind !== 'gateway' || found.secretHash === null)
        throw refused();
      if (found.revokedAt !== null || !sameDigest(found.secretHash, parsed.secretHash)) throw refused();
      const gateway = await store.get('gateway', found.org, found.owner);
      if (gateway === undefined) throw refused();
      if (found.kind === 'connector-access' && found.generation !== gateway.tokenGeneration) throw refused();
      return { org: found.org, gateway: gateway.id, credential: found.id };
    },

    hello: async (identity, wanted, calledFrom) => {
      const { org, gateway: id } = identity;
      const settings = checkInterface(wanted, calledFrom);
      return store.write({ orgs: [org], by: await byAgent(identity), origin: 'control' }, async (tx) => {
        const gateway = await requireRow(tx, 'gateway', org, id);
        const network = await withPools(tx, await requireRow(tx, 'network', org, gateway.network));
        const present = await tx.get('gatewayAgent', org, { gateway: id });
        const holders = [
          ...(await tx.find('extClient', org, { publicKey: settings.publicKey }, 1)),
          ...(await tx.find('gatewayAgent', org, { publicKey: settings.publicKey })).filter(
            (other) => other.gateway !== id,
          ),
        ];
        if (holders.length > 0)
          throw new AppError('taken', 'the public key is in use', { field: 'public_key' });
        const same =
          present !== undefined &&
          (Object.keys(settings) as (keyof typeof settings)[]).every(
            (name) => present[name] === settings[name],
          );
        const agent = same ? present : { org, gateway: id, ...settings, updatedAt: tx.now };
        if (!same) {
          await tx.put('gatewayAgent', agent);
          tx.audit(org, {
            verb: 'update',
            objectKind: 'gateway',
            objectId: id,
            objectName: gateway.name,
            network: network.id,
            field: 'agent',
            before: present ?? null,
            after: settings,
          });
        }
        await tx.put('gatewayAgentLive', { org, gateway: id, version: wanted.version, lastSeen: tx.now });
        return { gateway, network, agent, addresses: gatewayAddresses(network) };
      });
    },

    report: async (identity, version, samples) => {
      const { org, gateway } = identity;
      if (samples.length > MAX_SAMPLES)
        throw new AppError('too_large', `more than ${MAX_SAMPLES} clients at once`);
      await store.write({ orgs: [org], by: await byAgent(identity), origin: 'control' }, async (tx) => {
        const ids = samples.map(({ client }) => client);
        const own = new Set(
          (await tx.find('extClient', org, { id: ids, gateway }, MAX_SAMPLES)).map(({ id }) => id),
        );
        for (const { client, ...sample } of samples) {
          if (own.has(client))
            await tx.put('extClientLive', { org, extClient: client, ...sample, reportedAt: tx.now });
        }
        await tx.put('gatewayAgentLive', { org, gateway, version, lastSeen: tx.now });
      });
    },
  };

  async function byAgent({ org, gateway, credential }: AgentIdentity): Promise<By> {
    const name = (await store.get('gateway', org, gateway))?.name ?? 'gateway';
    return { kind: 'credential', id: String(credential), name };
  }
}
