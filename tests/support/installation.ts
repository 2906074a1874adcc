// A whole server on an installation of its own, and what tests ask of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { EngineName } from './engines.ts';
import { initialise, type Server, serve } from './holdfast.ts';
import { createTestDatabase } from './postgres.ts';
import { startProgram } from './program.ts';

export interface TestInstallation {
  readonly directory: string;
  /** The flags that name its database. */
  readonly flags: readonly string[];
  readonly apiKey: string;
  /** Starts another server on it; all are stopped with the installation. */
  readonly start: (...args: readonly string[]) => Promise<Server>;
  readonly end: () => Promise<void>;
}

/** An installation with the organization `acme`, whose owner has `apiKey`. Nothing runs yet. */
export async function createInstallation(engine: EngineName): Promise<TestInstallation> {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-ops-'));
  const flags =
    engine === 'sqlite'
      ? ['--data', path.join(directory, 'data')]
      : ['--database-url', await createTestDatabase()];
  const { api_key: apiKey } = await initialise(flags, 'acme');
  const servers: Server[] = [];
  return {
    directory,
    flags,
    apiKey,
    start: async (...args) => {
      const log = path.join(directory, `log-${servers.length}`);
      const server = await startServer(log, ...flags, ...args);
      servers.push(server);
      return server;
    },
    end: async () => {
      await Promise.all(servers.map((server) => server.stop()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A server on a free port, without a relay unless `args` say otherwise. */
export function startServer(log: string, ...args: readonly string[]): Promise<Server> {
  const defaults = ['--listen', '127.0.0.1:0', '--no-derp'];
  return serve((command) => startProgram(command, log), ...defaults, ...args);
}

export interface Answered {
  readonly status: number;
  readonly text: string;
}

/** One request; `token` as Bearer. */
export async function ask(url: string, token?: string, init: RequestInit = {}): Promise<Answered> {
  const headers = new Headers(init.headers);
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
  const answer = await fetch(url, { ...init, headers });
  return { status: answer.status, text: await answer.text() };
}
