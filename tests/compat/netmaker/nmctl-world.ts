// A whole server with an owner who has a password, and the vendor's command line signed in as that owner.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Store } from '../../../src/domain/ports/store.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { openStore } from '../../../src/store/open-store.ts';
import { holdfast } from '../../support/holdfast.ts';
import { ask, startServer } from '../../support/installation.ts';
import { type Nmctl, startNmctl } from '../../support/nmctl.ts';
import type { Wire } from './calls.ts';

export const PASSWORD = 'correct horse battery';
export const OWNER = 'owner@acme.test';

export interface NmctlWorld {
  readonly nmctl: Nmctl;
  readonly url: string;
  readonly apiKey: string;
  /** Posts with the key; resolves with the body's `Response`. */
  readonly post: (route: string, body: unknown) => Promise<Wire>;
  readonly end: () => Promise<void>;
}

/** @param prepare writes into the store before the server starts */
export async function createNmctlWorld(
  prepare: (store: Store, org: number) => Promise<unknown> = async () => undefined,
): Promise<NmctlWorld> {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-nmctl-'));
  const file = path.join(directory, 'password');
  writeFileSync(file, PASSWORD, { mode: 0o600 });
  const data = path.join(directory, 'data');
  const made = await holdfast(
    ...['init', '--data', data, '--org', 'acme', '--domain', 'acme.test', '--owner', OWNER],
    ...['--password-file', file, '--json'],
  );
  const { api_key: apiKey } = JSON.parse(made) as { api_key: string };
  const onError = (error: unknown): never => {
    throw error;
  };
  const location = { kind: 'sqlite', directory: data } as const;
  const store = await openStore({ location, clock: systemClock, onError });
  try {
    await prepare(store, (await store.organizationBy('label', 'acme'))?.id ?? 0);
  } finally {
    await store.close();
  }
  const server = await startServer(path.join(directory, 'log'), '--data', data);
  const nmctl = startNmctl(path.join(directory, 'home'));
  const owner = ['--username', OWNER, '--password', PASSWORD];
  await nmctl.run('context', 'set', 'acme', '--endpoint', server.url, ...owner);
  await nmctl.run('context', 'use', 'acme');
  return {
    nmctl,
    url: server.url,
    apiKey,
    post: async (route, body) => {
      const init = { method: 'POST', body: JSON.stringify(body) };
      const { text } = await ask(`${server.url}${route}`, apiKey, init);
      return (JSON.parse(text) as { Response: Wire }).Response;
    },
    end: async () => {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
