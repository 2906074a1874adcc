// A relay on a plain listener of its own, with an admission that tests decide.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Admission } from '../../src/control/derp/admission.ts';
import type { RelayLimits, RelayServer } from '../../src/control/derp/contract.ts';
import { createRelayServer } from '../../src/control/derp/relay-server.ts';
import { generatePrivateKey } from '../../src/control/noise/index.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { connectRelay, type RelayClientOptions, type TestRelayClient } from './relay-client.ts';

const RECV = 0x05;
const PONG = 0x13;

export const privateKey = generatePrivateKey();
const undo: (() => void)[] = [];
/** Ends what `createWorld` started. */
export function endWorlds(): void {
  for (const step of undo.splice(0).reverse()) step();
}

export interface RelayWorld {
  readonly relay: RelayServer;
  readonly port: number;
  readonly clock: { now: number };
  /** Refused from now on; those that are connected are told. */
  refuse(nodeKey: string): void;
  join(options?: Partial<RelayClientOptions>): Promise<TestRelayClient>;
}

export async function createWorld(limits: Partial<RelayLimits> = {}): Promise<RelayWorld> {
  const clock = { now: 1_000_000 };
  const refused = new Set<string>();
  const held = new Map<string, () => void>();
  const admission: Admission = {
    isKnownNode: async (key) => !refused.has(key),
    admit: async (key, onRevoked) => {
      await sleep(1);
      if (refused.has(key)) return undefined;
      held.set(key, onRevoked);
      return () => held.delete(key);
    },
    sweep: () => undefined,
    close: () => undefined,
  };
  const log = { debug: () => undefined, warn: () => undefined };
  const random = systemRandom;
  const relay = createRelayServer({
    privateKey,
    admission,
    clock: { now: () => clock.now },
    random,
    log,
    limits,
  });
  const server: Server = createServer();
  server.on('upgrade', relay.handleUpgrade);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  undo.push(() => {
    relay.close();
    server.close();
  });
  return {
    relay,
    port,
    clock,
    refuse: (key) => {
      refused.add(key);
      held.get(key)?.();
    },
    join: async (options = {}) => {
      const client = await connectRelay({ port, ...options });
      undo.push(client.close);
      return client;
    },
  };
}

export const packet = (text: string): Buffer => Buffer.from(text);
/** The sender and the text of the next packet. */
export async function received(client: TestRelayClient): Promise<{ from: string; text: string }> {
  const payload = await client.next(RECV);
  return { from: `nodekey:${payload.toString('hex', 0, 32)}`, text: payload.toString('utf8', 32) };
}
/** Resolves when the server has read all that the client has sent so far. */
export async function settled(client: TestRelayClient): Promise<void> {
  client.write(0x12, Buffer.from('settled!'));
  expect((await client.next(PONG)).toString()).toBe('settled!');
}
