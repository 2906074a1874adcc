/** The policy file: one dialect writes it, and every device has it in its packet filter. */
import { packetFilter, type TestDevice } from '../client/index.ts';
import type { Thing } from './things.ts';
import { ABSENT, type World } from './world.ts';

interface PolicyRef {
  readonly watcher: TestDevice;
  /** What the file was before. */
  readonly before: string;
  /** The port that its rule opens now, by which the file is known again. */
  port: number;
}

let nextPort = 20_000;

const PATH = '/api/v2/tailnet/-/acl';
const fileWith = (port: number): string =>
  `{\n  // kept byte for byte\n  "acls": [{"action": "accept", "src": ["*"], "dst": ["*:${port}"]}],\n}\n`;

async function current(world: World): Promise<string> {
  const answer = await world.api.call('GET', PATH, {
    token: world.api.token,
    headers: { accept: 'application/hujson' },
  });
  return answer.text;
}

async function save(world: World, text: string): Promise<void> {
  const answer = await world.api.call('POST', PATH, {
    token: world.api.token,
    headers: { 'content-type': 'application/hujson' },
    body: text,
  });
  if (answer.status !== 200) throw new Error(answer.text);
}

const opens = (device: TestDevice, port: number): boolean =>
  packetFilter(device.netmap()).some(({ DstPorts }) => DstPorts?.some(({ Ports }) => Ports.First === port));

export const policyFile: Thing<PolicyRef> = {
  word: 'policy',
  create: {
    tailscale: async (world, name) => {
      const ref = { watcher: await world.device(name), before: await current(world), port: nextPort++ };
      await save(world, fileWith(ref.port));
      return ref;
    },
  },
  created: { tailscale: { kept: true }, map: { opens: true } },
  steps: [
    {
      name: 'is another',
      by: {
        tailscale: async (world, ref) => {
          ref.port = nextPort++;
          await save(world, fileWith(ref.port));
        },
      },
      shows: { tailscale: { kept: true }, map: { opens: true } },
    },
  ],
  remove: { tailscale: (world, { before }) => save(world, before) },
  read: {
    tailscale: async (world, { port }) =>
      (await current(world)) === fileWith(port) ? { kept: true } : ABSENT,
    map: async (_world, { watcher, port }) => (opens(watcher, port) ? { opens: true } : ABSENT),
  },
};
