/** The relay: passes packets between clients that each know the other's node key. It cannot read them. */
import type { Duplex } from 'node:stream';
import { type Clock, SECOND } from '../../kernel/clock.ts';
import type { Random } from '../../kernel/random.ts';
import type { NoisePrivateKey } from '../noise/index.ts';
import type { Admission } from './admission.ts';
import type { RelayLimits, RelayLog, RelayServer } from './contract.ts';
import { FRAME, KEY_BYTES, MAX_PACKET_BYTES, PING_BYTES, restartingFrame } from './frames.ts';
import { createHandshake } from './handshake.ts';
import { createRegistry } from './registry.ts';
import type { RelayClient } from './relay-client.ts';
import { createUpgradeHandler } from './upgrade.ts';

const DEFAULT_LIMITS: RelayLimits = {
  maxConnections: 20_000,
  handshakeMs: 10 * SECOND,
  keepAliveMs: 45 * SECOND,
  stuckMs: 30 * SECOND,
  sweepMs: 5 * SECOND,
};
/** What a client is told when the server goes: come back at once, and try for so long. */
const RECONNECT_IN_MS = 0;
const TRY_FOR_MS = 30 * SECOND;
/** The longest payloads taken of what clients send; all other frames are passed over. */
const PAYLOAD_LIMITS: Readonly<Record<number, number>> = {
  [FRAME.sendPacket]: KEY_BYTES + MAX_PACKET_BYTES,
  [FRAME.ping]: PING_BYTES,
};

export interface RelayServerParts {
  /** Curve25519; must survive restarts, as the server's identity among relays. */
  readonly privateKey: NoisePrivateKey;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: RelayLog;
  readonly limits?: Partial<RelayLimits>;
}

export function createRelayServer(parts: RelayServerParts): RelayServer {
  const { privateKey, admission, clock, random, log } = parts;
  const limits = { ...DEFAULT_LIMITS, ...parts.limits };
  const now = (): number => clock.now();
  const sockets = new Set<Duplex>();
  const registry = createRegistry();
  const handshake = createHandshake({
    privateKey,
    admission,
    random,
    log,
    now,
    deadlineMs: limits.handshakeMs,
  });
  let relayedPackets = 0;
  let relayedBytes = 0;
  let droppedPackets = 0;
  let unknownPackets = 0;
  let refused = 0;
  let closing = false;
  let sweeper: NodeJS.Timeout | undefined;

  const relay = (from: RelayClient, payload: Buffer): void => {
    if (payload.length < KEY_BYTES) return;
    const to = registry.active(payload.toString('latin1', 0, KEY_BYTES));
    if (to === undefined) {
      unknownPackets += 1;
      from.sendPeerGone(payload.subarray(0, KEY_BYTES), 'notHere');
      return;
    }
    relayedPackets += 1;
    relayedBytes += payload.length - KEY_BYTES;
    if (to.deliver(from, payload.subarray(KEY_BYTES))) droppedPackets += 1;
  };

  const onFrame = (client: RelayClient, type: number, payload: Buffer): void => {
    if (type === FRAME.sendPacket) relay(client, payload);
    else if (type === FRAME.ping && payload.length === PING_BYTES) client.sendPong(payload);
  };

  const sweep = (): void => {
    admission.sweep();
    for (const client of registry.all()) {
      const { stuckSince, lastWrite } = client.outbox;
      if (stuckSince !== undefined && now() - stuckSince > limits.stuckMs) client.socket.destroy();
      else if (now() - lastWrite >= limits.keepAliveMs) client.sendKeepAlive();
    }
  };

  const accept = (socket: Duplex, head: Buffer): void => {
    if (closing || sockets.size >= limits.maxConnections) {
      refused += 1;
      socket.destroy();
      return;
    }
    sockets.add(socket);
    sweeper ??= setInterval(sweep, limits.sweepMs).unref();
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size > 0) return;
      clearInterval(sweeper);
      sweeper = undefined;
    });
    handshake(socket, head, {
      limitOf: (type) => PAYLOAD_LIMITS[type],
      onClient: (client) => {
        registry.add(client);
        socket.once('close', () => registry.remove(client));
      },
      onFrame,
      onRefused: () => {
        refused += 1;
      },
    });
  };

  return {
    accept,
    handleUpgrade: createUpgradeHandler({ publicRaw: privateKey.publicRaw, accept }),
    stats: () => ({
      connections: sockets.size,
      clients: registry.keys,
      relayedPackets,
      relayedBytes,
      droppedPackets,
      unknownPackets,
      refused,
    }),
    close: () => {
      closing = true;
      clearInterval(sweeper);
      const known = new Set<Duplex>();
      for (const client of registry.all()) {
        known.add(client.socket);
        // The other clients leave too: they need not hear of each other.
        client.exchanged.clear();
        client.socket.end(restartingFrame(RECONNECT_IN_MS, TRY_FOR_MS), () => client.socket.destroy());
      }
      for (const socket of sockets) if (!known.has(socket)) socket.destroy();
      setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, SECOND).unref();
    },
  };
}
