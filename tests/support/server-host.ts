// The host of a world on which the server runs, with a relay, and the way to its REST API from outside of the world.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Server, serve } from './holdfast.ts';
import type { World } from './namespaces.ts';
import type { RealClients } from './real-clients.ts';
import { startRelay } from './real-clients-relay.ts';
import { createRest, type Rest } from './rest.ts';
import { until } from './until.ts';

export const AGENT = path.resolve(import.meta.dirname, 'namespace-agent.ts');
export const SERVER_ADDRESS = '10.99.0.1';
export const SERVER_PORT = 8080;
export const LOGIN_SERVER = `http://${SERVER_ADDRESS}:${SERVER_PORT}`;

export interface ServerHost {
  /** A Unix socket outside of the world that leads to the server's port. */
  readonly socketPath: string;
  /** `databaseFlags`: `--data DIR` or `--database-url URL`. */
  readonly serve: (databaseFlags: readonly string[]) => Promise<Server>;
  readonly rest: (token: string) => Rest;
}

/** The host itself, `inet`, which the others are cabled to. */
export async function addServerHost(world: World): Promise<void> {
  await world.addHost('inet', { forwarding: true });
  await world.run('inet', ['ip', 'address', 'add', `${SERVER_ADDRESS}/32`, 'dev', 'lo']);
}

/** Cables a host to its router, which takes the first address of the /24 and leaves it the second. */
export async function attach(world: World, host: string, router: string, network: string): Promise<void> {
  await world.link({ host: router, address: `${network}.1/24` }, { host, address: `${network}.2/24` });
  await world.run(host, ['ip', 'route', 'add', 'default', 'via', `${network}.1`]);
}

/** Starts what the server needs beside it. */
export async function startServerHost(world: World, clients: RealClients): Promise<ServerHost> {
  const { derpMap } = await startRelay(world, clients, 'inet', SERVER_ADDRESS);
  const derpFile = path.join(world.directory, 'derp-map.json');
  await writeFile(derpFile, JSON.stringify(derpMap));
  const socketPath = path.join(world.directory, 'rest.sock');
  const port = String(SERVER_PORT);
  await world.start('inet', [process.execPath, AGENT, 'forward', socketPath, SERVER_ADDRESS, port]);
  await until(() => existsSync(socketPath), 'the way to the server');
  return {
    socketPath,
    serve: (databaseFlags) =>
      serve(
        (command) => world.start('inet', command, { name: 'holdfast' }),
        ...databaseFlags,
        ...['--listen', `${SERVER_ADDRESS}:${port}`, '--public-url', LOGIN_SERVER, '--derp-map', derpFile],
      ),
    rest: (token) => createRest({ url: LOGIN_SERVER, token, socketPath }),
  };
}
