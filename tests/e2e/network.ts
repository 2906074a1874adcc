// The network in which real clients meet the server:
//
//   inet 10.99.0.1 (server, relay, STUN) ─┬─ laptop 10.99.1.2
//                                         └─ router 10.99.2.2 ── printer 10.77.0.2, which runs no client
//
// inet routes between the others, but knows nothing of the printer's network.
import path from 'node:path';
import { initialise, type Server } from '../support/holdfast.ts';
import { createWorld, type World } from '../support/namespaces.ts';
import type { Program } from '../support/program.ts';
import { type RealClients, realClients } from '../support/real-clients.ts';
import type { Rest } from '../support/rest.ts';
import { AGENT, addServerHost, attach, startServerHost } from '../support/server-host.ts';

const ECHO_PORT = '7';
const DIAL_TIMEOUT_MS = 10_000;

export const LAN = '10.77.0.0/24';
export const PRINTER = '10.77.0.2';

export interface DialOptions {
  readonly port?: string;
  readonly timeoutMs?: number;
}

export interface Network {
  readonly world: World;
  readonly clients: RealClients;
  readonly databaseFlags: readonly string[];
  /** `holdfast init`, for an organization of that label. */
  readonly initialise: (label: string) => ReturnType<typeof initialise>;
  /** `more`: further flags of `holdfast serve`. */
  readonly startServer: (...more: readonly string[]) => Promise<Server>;
  /** One more host beside laptop and router, with an echo server. `network`: the first three numbers of its addresses. */
  readonly addHost: (host: string, network: string) => Promise<void>;
  readonly rest: (token: string) => Rest;
  /** Sends TCP from a host to an echo server and resolves with the answer; throws when none comes. */
  readonly dial: (from: string, address: string, options?: DialOptions) => Promise<string>;
  /** Keeps talking to an echo server; resolves with the running program, which prints the time of each answer. */
  readonly chatter: (from: string, address: string) => Promise<Program>;
  /** One more host with a cable to inet, such as `10.99.3` for its network. */
  readonly attachHost: (host: string, network: string) => Promise<void>;
  readonly end: () => Promise<void>;
}

/** @param databaseUrl of PostgreSQL; without it the embedded database is used */
export async function createNetwork(databaseUrl?: string): Promise<Network> {
  const clients = await realClients();
  const world = await createWorld();
  try {
    await addServerHost(world);
    await world.addHost('laptop');
    await world.addHost('router', { forwarding: true });
    await world.addHost('printer');
    await attach(world, 'laptop', 'inet', '10.99.1');
    await attach(world, 'router', 'inet', '10.99.2');
    await attach(world, 'printer', 'router', '10.77.0');
    const echo = (host: string): Promise<unknown> =>
      world.start(host, [process.execPath, AGENT, 'echo', ECHO_PORT], { name: 'echo' });
    for (const host of ['laptop', 'router', 'printer']) await echo(host);
    const server = await startServerHost(world, clients);

    const databaseFlags =
      databaseUrl === undefined
        ? ['--data', path.join(world.directory, 'data')]
        : ['--database-url', databaseUrl];
    return {
      world,
      clients,
      databaseFlags,
      initialise: (label) => initialise(databaseFlags, label),
      addHost: async (host, net) => {
        await world.addHost(host);
        await attach(world, host, 'inet', net);
        await echo(host);
      },
      startServer: (...more) => server.serve([...databaseFlags, ...more]),
      rest: server.rest,
      chatter: (from, address) =>
        world.start(from, [process.execPath, AGENT, 'chatter', address, ECHO_PORT], { name: 'chatter' }),
      attachHost: async (host, network) => {
        await world.addHost(host);
        await attach(world, host, 'inet', network);
      },
      dial: async (from, address, { port = ECHO_PORT, timeoutMs = DIAL_TIMEOUT_MS } = {}) => {
        const command = [process.execPath, AGENT, 'dial', address, port, 'hello', String(timeoutMs)];
        const answer = await world.run(from, command);
        return answer.trim();
      },
      end: world.end,
    };
  } catch (error) {
    await world.end();
    throw error;
  }
}
