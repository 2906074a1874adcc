// vitest's global set-up: one PostgreSQL for a whole run, started when a test file first asks for a database. The files
// run in processes of their own, so they ask over a socket.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { type Postgres, startPostgres } from './postgres-cluster.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the Unix socket that hands out databases. */
    postgresBroker: string;
  }
}

/** Path to ask for a URL over a Unix socket; any other gets one over TCP. */
export const OVER_SOCKET = '/over-socket';

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  let cluster: Promise<Postgres> | undefined;
  const server = createServer((request, response) => {
    cluster ??= startPostgres({ fsync: false });
    cluster
      .then((postgres) => postgres.createDatabase({ overSocket: request.url === OVER_SOCKET }))
      .then((url) => response.end(url))
      .catch((error: unknown) => response.writeHead(500).end(describe(error)));
  });
  const socket = path.join(tmpdir(), `holdfast-broker-${randomBytes(8).toString('hex')}.sock`);
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(socket, resolve);
  });
  project.provide('postgresBroker', socket);
  return async () => {
    server.close();
    rmSync(socket, { force: true });
    // One that never started has told the test that asked.
    const postgres = await cluster?.catch(() => undefined);
    await postgres?.stop();
  };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}\n${describe(error.cause)}`;
}
