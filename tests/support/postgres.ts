// What tests use of PostgreSQL. Nothing needs to be set up: the programs are the machine's, or come through npm.
import { request } from 'node:http';
import { inject } from 'vitest';
import type { DatabaseOptions } from './postgres-cluster.ts';
import { OVER_SOCKET } from './postgres-global.ts';

export { type Postgres, startPostgres } from './postgres-cluster.ts';

/**
 * A new, empty database in the cluster that all test files of this run share (made for speed: nothing in it survives a
 * crash; `startPostgres({ fsync: true })` gives a cluster of one's own that does).
 * @returns its connection URL
 */
export async function createTestDatabase({ overSocket = false }: DatabaseOptions = {}): Promise<string> {
  const { status, body } = await ask(inject('postgresBroker'), overSocket ? OVER_SOCKET : '/');
  if (status !== 200) throw new Error(body);
  return body;
}

function ask(socketPath: string, path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, method: 'POST', path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode, body }));
      response.on('error', reject);
    });
    asking.on('error', reject);
    asking.end();
  });
}
