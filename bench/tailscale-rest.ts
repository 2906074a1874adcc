/**
 * What calls of the Tailscale API cost the server, over a real socket, with the caller in a process of its own.
 * Prints CPU and wall time a call. `node bench/tailscale-rest.ts [devices] [calls]`
 */
import { fork } from 'node:child_process';
import { Agent, request } from 'node:http';
import { createTailscaleApi } from '../src/api/tailscale/index.ts';
import { addDevices, tailscaleParts } from '../tests/compat/tailscale/support.ts';
import { createApiServer } from '../tests/support/api-server.ts';

const DEFAULT_DEVICES = 1_000;
const DEFAULT_CALLS = 100;
const WARM_UP_CALLS = 40;
const T = '/api/v2/tailnet/-';
const KEY_BODY = '{"capabilities":{"devices":{}}}';

interface Order {
  readonly url: string;
  readonly token: string;
  readonly body: string | null;
  readonly calls: number;
}

/** The caller: one call after the other on one connection; resolves with the time of each in ms. */
async function call({ url, token, body, calls }: Order): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const once = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const begin = performance.now();
      const method = body === null ? 'GET' : 'POST';
      const headers = { authorization: `Bearer ${token}` };
      const outgoing = request(url, { agent, method, headers }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve(performance.now() - begin));
        if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`));
      });
      outgoing.on('error', reject);
      outgoing.end(body ?? undefined);
    });
  const times: number[] = [];
  for (let index = 0; index < calls; index += 1) times.push(await once());
  agent.destroy();
  return times;
}

const inChild = (order: Order): Promise<number[]> =>
  new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ['--caller']);
    child.on('message', (times) => resolve(times as number[]));
    child.on('error', reject);
    child.on('exit', (code) => code !== 0 && reject(new Error(`the caller ended with ${code}`)));
    child.send(order);
  });

async function main(devices: number, calls: number): Promise<void> {
  const api = await createApiServer('sqlite', (parts) => [createTailscaleApi(tailscaleParts(parts))]);
  const owner = api.owner.id;
  await addDevices(
    api,
    api.organization.id,
    Array.from({ length: devices }, (_, index) => ({
      label: `device-${index}`,
      owner,
      online: index % 2 === 0,
      ...(index % 3 === 0 ? { tags: ['tag:a', 'tag:b'] } : {}),
      ...(index % 10 === 0 ? { advertised: ['10.0.0.0/16'] } : {}),
    })),
  );
  const origin = await api.listen();
  const cases: readonly (readonly [name: string, path: string, body: string | null])[] = [
    [`list of ${devices} devices`, `${T}/devices`, null],
    [`list of ${devices} devices, all fields`, `${T}/devices?fields=all`, null],
    ['one device by name', `${T}/devices?hostname=device-7`, null],
    ['policy file', `${T}/acl`, null],
    ['make an auth key', `${T}/keys`, KEY_BODY],
  ];
  for (const [name, path, body] of cases) {
    const order = { url: `${origin}${path}`, token: api.token, body };
    await inChild({ ...order, calls: WARM_UP_CALLS });
    const before = process.cpuUsage();
    const times = (await inChild({ ...order, calls })).toSorted((a, b) => a - b);
    const { user, system } = process.cpuUsage(before);
    const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
    const cpu = ((user + system) / 1000 / calls).toFixed(2);
    console.log(`${name.padEnd(40)} ${cpu.padStart(7)} ms CPU   p50 ${at(0.5)} ms   p95 ${at(0.95)} ms`);
  }
  await api.close();
}

if (process.argv[2] === '--caller') {
  process.once('message', (order) => {
    void call(order as Order).then((times) => {
      process.send?.(times, undefined, {}, () => process.disconnect());
    });
  });
} else {
  await main(Number(process.argv[2] ?? DEFAULT_DEVICES), Number(process.argv[3] ?? DEFAULT_CALLS));
}
