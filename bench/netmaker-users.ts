/**
 * What listing users over the Netmaker API costs the server, over a real socket, with the caller in a process of its own:
 * time to the last byte and to the first. `node bench/netmaker-users.ts [users] [calls]`
 */
import { fork } from 'node:child_process';
import { Agent, request } from 'node:http';
import { createNetmakerServer } from '../tests/compat/netmaker/support.ts';
import { addToGroup, insertGroup, insertMember, seed } from '../tests/support/seeds.ts';

const DEFAULT_USERS = 5_000;
const DEFAULT_CALLS = 60;
const WARM_UP_CALLS = 10;
const GROUPS = 20;
const USERS_PER_WRITE = 500;

interface Order {
  readonly url: string;
  readonly token: string;
  readonly calls: number;
}
interface Times {
  readonly first: number;
  readonly last: number;
  readonly chunks: number;
}

async function call({ url, token, calls }: Order): Promise<Times[]> {
  const agent = new Agent({ keepAlive: true });
  const once = (): Promise<Times> =>
    new Promise((resolve, reject) => {
      const begin = performance.now();
      let first = 0;
      let chunks = 0;
      const outgoing = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (answer) => {
        answer.on('data', () => {
          chunks += 1;
          if (first === 0) first = performance.now() - begin;
        });
        answer.on('end', () => resolve({ first, last: performance.now() - begin, chunks }));
        if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`));
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  const times: Times[] = [];
  for (let index = 0; index < calls; index += 1) times.push(await once());
  agent.destroy();
  return times;
}

const inChild = (order: Order): Promise<Times[]> =>
  new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ['--caller']);
    child.on('message', (times) => resolve(times as Times[]));
    child.on('error', reject);
    child.on('exit', (code) => code !== 0 && reject(new Error(`the caller ended with ${code}`)));
    child.send(order);
  });

async function main(users: number, calls: number): Promise<void> {
  const api = await createNetmakerServer('sqlite');
  const org = api.organization.id;
  const groups = await seed(api.store, org, async (tx) => {
    const made: number[] = [];
    for (let index = 0; index < GROUPS; index += 1) {
      made.push((await insertGroup(tx, org, { name: `Group ${index}` })).id);
    }
    return made;
  });
  for (let from = 0; from < users; from += USERS_PER_WRITE) {
    await seed(api.store, org, async (tx) => {
      for (let index = from; index < Math.min(users, from + USERS_PER_WRITE); index += 1) {
        const member = await insertMember(tx, org, { username: `user.${index}@acme.test` });
        await addToGroup(tx, org, groups[index % GROUPS] ?? 0, [member.id]);
        await tx.insert('identity', {
          org,
          id: tx.newId(),
          account: member.account,
          kind: 'password',
          issuer: 'password',
          subject: String(member.account),
          email: null,
          emailVerified: false,
          secretHash: 'x',
          sealed: null,
          data: {},
          createdAt: tx.now,
          lastUsed: tx.now,
        });
      }
    });
  }
  const origin = await api.listen();
  const order = { url: `${origin}/api/users`, token: api.token };
  await inChild({ ...order, calls: WARM_UP_CALLS });
  const before = process.cpuUsage();
  const times = await inChild({ ...order, calls });
  const { user, system } = process.cpuUsage(before);
  const at = (values: readonly number[], share: number): string =>
    (values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0).toFixed(1);
  const last = times.map((time) => time.last);
  const first = times.map((time) => time.first);
  const cpu = ((user + system) / 1000 / calls).toFixed(1);
  console.log(
    `GET /api/users of ${users}: ${cpu} ms CPU a call, whole p50 ${at(last, 0.5)} ms p95 ${at(last, 0.95)} ms, ` +
      `first byte p50 ${at(first, 0.5)} ms, ${times[0]?.chunks} chunks`,
  );
  await api.close();
}

if (process.argv[2] === '--caller') {
  process.once('message', (order) => {
    void call(order as Order).then((times) => {
      process.send?.(times, undefined, {}, () => process.disconnect());
    });
  });
} else {
  await main(Number(process.argv[2] ?? DEFAULT_USERS), Number(process.argv[3] ?? DEFAULT_CALLS));
}
