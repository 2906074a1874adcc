/**
 * What a full refresh by Twingate's Terraform provider costs: its two cached queries in pages of 100, at the same time, over
 * 2,000 resources with 10 accesses each and 300 groups of 20 people, from a `holdfast serve` in a process of its own on SQLite.
 * Prints wall time and CPU of a refresh, the p95 of a page of 100 resources read alone, and the server's peak memory.
 * `node bench/twingate-refresh.ts [resources] [refreshes]`
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Store } from '../src/domain/ports/store.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { openEngine } from '../src/store/open-store.ts';
import { createStore } from '../src/store/store.ts';
import { READ_GROUPS, READ_RESOURCES } from '../tests/compat/twingate/terraform-documents.ts';
import { initialise, serve } from '../tests/support/holdfast.ts';
import { startProgram } from '../tests/support/program.ts';
import {
  addToGroup,
  insertEdge,
  insertGroup,
  insertMember,
  insertNetwork,
  insertResource,
  seed,
} from '../tests/support/seeds.ts';
import { cpuMs, memoryKb, peakMemoryKb } from './process-costs.ts';

const DEFAULT_RESOURCES = 2_000;
const DEFAULT_REFRESHES = 5;
const EDGES = 10;
const GROUPS = 300;
const PEOPLE = 400;
const MEMBERS = 20;
const NETWORKS = 20;
const PER_WRITE = 250;
const PAGE = 100;

async function fill(store: Store, resources: number): Promise<void> {
  const [organization] = await store.list('organization', 0, { limit: 1 });
  const org = organization?.id ?? 0;
  const groups = await seed(store, org, async (tx) => {
    const people: number[] = [];
    for (let index = 0; index < PEOPLE; index += 1) {
      people.push((await insertMember(tx, org, { username: `person-${index}@acme.test` })).id);
    }
    const made: number[] = [];
    for (let index = 0; index < GROUPS; index += 1) {
      const { id } = await insertGroup(tx, org, { name: `group ${index}` });
      const members = Array.from({ length: MEMBERS }, (_, at) => people[(index * 7 + at) % PEOPLE] ?? 0);
      await addToGroup(tx, org, id, members);
      made.push(id);
    }
    return made;
  });
  const networks = await seed(store, org, async (tx) => {
    const made: number[] = [];
    for (let index = 0; index < NETWORKS; index += 1) {
      made.push((await insertNetwork(tx, org, { name: `network ${index}` })).id);
    }
    return made;
  });
  for (let from = 0; from < resources; from += PER_WRITE) {
    await seed(store, org, async (tx) => {
      for (let index = from; index < Math.min(resources, from + PER_WRITE); index += 1) {
        const { id } = await insertResource(tx, org, {
          network: networks[index % NETWORKS] ?? 0,
          name: `resource ${index}`,
          protocols: {
            allowIcmp: true,
            tcp: { policy: 'restricted', ports: [{ start: 443, end: 443 }] },
            udp: { policy: 'restricted', ports: [] },
          },
        });
        await tx.insert('resourceLabel', { org, resource: id, key: 'env', value: 'prod' });
        for (let edge = 0; edge < EDGES; edge += 1) {
          await insertEdge(tx, org, {
            resource: id,
            principalKind: 'group',
            principal: groups[(index * 3 + edge) % GROUPS] ?? 0,
            accessMode: 'manual',
          });
        }
      }
    });
  }
}

interface Page {
  readonly pageInfo: { readonly endCursor: string | null; readonly hasNextPage: boolean };
  readonly edges: readonly unknown[];
}

type Ask = (query: string, variables: Readonly<Record<string, unknown>>) => Promise<Record<string, Page>>;

const client =
  (url: string, token: string, agent: Agent): Ask =>
  (query, variables) =>
    new Promise((resolve, reject) => {
      const headers = { 'x-api-key': token, 'content-type': 'application/json' };
      const outgoing = request(`${url}/api/graphql/`, { method: 'POST', agent, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => {
          const { data, errors } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
          if (errors === undefined) resolve(data);
          else reject(new Error(JSON.stringify(errors)));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(JSON.stringify({ query, variables }));
    });

async function readAll(
  ask: Ask,
  query: string,
  field: string,
  cursor: string,
  timed: number[] = [],
): Promise<number> {
  let count = 0;
  for (let after: string | null = null; ; ) {
    const begin = performance.now();
    const variables: Readonly<Record<string, unknown>> = {
      pageLimit: PAGE,
      accessEndCursor: null,
      usersEndCursor: null,
      [cursor]: after,
    };
    const page: Page | undefined = (await ask(query, variables))[field];
    timed.push(performance.now() - begin);
    count += page?.edges.length ?? 0;
    after = page?.pageInfo.endCursor ?? null;
    if (page?.pageInfo.hasNextPage !== true) return count;
  }
}

async function main(resources: number, refreshes: number): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'holdfast-refresh-'));
  const { api_key: token } = await initialise(['--data', directory], 'acme');
  const onError = (error: unknown): void => console.error(error);
  const engine = openEngine({ location: { kind: 'sqlite', directory }, clock: systemClock, onError });
  const store = createStore({ engine, clock: systemClock, onError });
  await fill(store, resources);
  await store.close();
  const start = (command: readonly string[]) => startProgram(command, path.join(directory, 'serve.log'));
  const server = await serve(start, '--data', directory, '--listen', '127.0.0.1:0');
  const { pid } = server.process;
  const agent = new Agent({ keepAlive: true });
  const ask = client(server.url, token, agent);
  console.log(`started: ${(memoryKb(pid) / 1024).toFixed(0)} MB`);
  for (let round = 1; round <= refreshes; round += 1) {
    const [begin, cpu] = [performance.now(), cpuMs(pid)];
    const counts = await Promise.all([
      readAll(ask, READ_RESOURCES, 'resources', 'resourcesEndCursor'),
      readAll(ask, READ_GROUPS, 'groups', 'groupsEndCursor'),
    ]);
    const wall = ((performance.now() - begin) / 1000).toFixed(2);
    const used = ((cpuMs(pid) - cpu) / 1000).toFixed(2);
    const memory = `${(memoryKb(pid) / 1024).toFixed(0)} MB, at most ${(peakMemoryKb(pid) / 1024).toFixed(0)} MB`;
    console.log(
      `refresh ${round} (${counts.join(' resources, ')} groups): ${wall} s, ${used} s CPU, ${memory}`,
    );
  }
  const times: number[] = [];
  const [before, asked] = [cpuMs(pid), refreshes * Math.ceil(resources / PAGE)];
  for (let round = 0; round < refreshes; round += 1) {
    await readAll(ask, READ_RESOURCES, 'resources', 'resourcesEndCursor', times);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(0);
  const cpu = ((cpuMs(pid) - before) / asked).toFixed(1);
  console.log(`a page of ${PAGE} resources: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, ${cpu} ms CPU`);
  console.log(`peak: ${(peakMemoryKb(pid) / 1024).toFixed(0)} MB`);
  agent.destroy();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}

await main(Number(process.argv[2] ?? DEFAULT_RESOURCES), Number(process.argv[3] ?? DEFAULT_REFRESHES));
