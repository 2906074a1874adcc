// Two server processes on one PostgreSQL, that hear of each other's writes by polling alone.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import type { Store } from '../../src/domain/ports/store.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore } from '../../src/store/open-store.ts';
import { createTestDevice, type TestDevice, type TestDeviceOptions } from '../client/index.ts';
import { initialise, type Server, serve } from '../support/holdfast.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { startProgram } from '../support/program.ts';
import { createRest, type Rest } from '../support/rest.ts';
import { createSwitch, type Switch } from './switch.ts';

const LABEL = 'acme';
const Key = z.looseObject({ key: z.string() });

export interface KeyWishes {
  readonly reusable?: boolean;
  readonly ephemeral?: boolean;
  readonly tags?: readonly string[];
}

/** A device whose way to the servers can be laid anew. */
export interface RoamingDevice extends TestDevice {
  readonly way: Switch;
}

export interface Replicas {
  readonly org: number;
  readonly owner: { readonly email: string };
  /** Both servers; the second may be killed by the test. */
  readonly servers: readonly [Server, Server];
  readonly rest: readonly [Rest, Rest];
  /** The database itself, for what no API says. */
  readonly store: Store;
  authKey(wishes?: KeyWishes): Promise<string>;
  device(at: 0 | 1, options: Omit<TestDeviceOptions, 'url'>): Promise<RoamingDevice>;
  /** A device that has joined with a reusable key. */
  joined(at: 0 | 1, hostname: string, options?: Partial<TestDeviceOptions>): Promise<RoamingDevice>;
  close(): Promise<void>;
}

export async function startReplicas(): Promise<Replicas> {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-replicas-'));
  const url = await createTestDatabase();
  const installation = await initialise(['--database-url', url], LABEL);
  const start = (name: string): Promise<Server> =>
    serve(
      (command) => startProgram(command, path.join(directory, `${name}.log`)),
      '--database-url',
      url,
      '--no-notify',
      '--no-derp',
      '--log-level',
      'warn',
      '--listen',
      '127.0.0.1:0',
    );
  const servers = [await start('one'), await start('two')] as const;
  const restAt = ({ url: origin }: Server): Rest => createRest({ url: origin, token: installation.api_key });
  const rest = [restAt(servers[0]), restAt(servers[1])] as const;
  const errors: unknown[] = [];
  const store = await openStore({
    location: { kind: 'postgres', url },
    clock: systemClock,
    onError: (error) => errors.push(error),
  });
  const organization = await store.organizationBy('label', LABEL);
  if (organization === undefined) throw new Error('the organization is not in the database');

  const devices: RoamingDevice[] = [];
  const authKey: Replicas['authKey'] = async (wishes = {}) => {
    const create = { reusable: false, ephemeral: false, preauthorized: true, ...wishes };
    const answer = await rest[0].ask('POST', '/api/v2/tailnet/-/keys', {
      capabilities: { devices: { create } },
    });
    return Key.parse(answer).key;
  };
  const device: Replicas['device'] = async (at, options) => {
    const way = await createSwitch(servers[at].url);
    const made: RoamingDevice = Object.assign(createTestDevice({ ...options, url: way.url }), { way });
    devices.push(made);
    return made;
  };
  let reusable: Promise<string> | undefined;

  return {
    org: organization.id,
    owner: installation.owner,
    servers,
    rest,
    store,
    authKey,
    device,
    joined: async (at, hostname, options = {}) => {
      reusable ??= authKey({ reusable: true });
      const made = await device(at, { hostname, authKey: await reusable, ...options });
      await made.join();
      return made;
    },
    close: async () => {
      for (const one of devices) {
        one.close();
        one.way.close();
      }
      await Promise.all(servers.map((server) => server.stop()));
      await store.close();
      const logs = servers.map(({ process }) => process.log()).join('');
      rmSync(directory, { recursive: true, force: true });
      const complaints = logs.split('\n').filter((line) => line.includes('"level":"error"'));
      if (errors.length + complaints.length > 0) {
        throw new Error(`a server had defects: ${complaints.slice(0, 3).join('\n')} ${errors.join('\n')}`);
      }
    },
  };
}
