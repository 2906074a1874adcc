// The thin real path, step by step: what the demo narrates and the test asserts. A step throws when what its sentence says
// is not so.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../support/holdfast.ts';
import { type RealDevice, startDevice } from '../support/real-clients-device.ts';
import type { Rest } from '../support/rest.ts';
import { LOGIN_SERVER } from '../support/server-host.ts';
import { LAN, type Network, PRINTER } from './network.ts';
import { type Device, DeviceList, DeviceRoutes, NewKey } from './wire.ts';

const POLL_MS = 50;
/** For what follows from a change at once; generous, since other work shares the machine. */
const SOON_MS = 10_000;
/** Clients wait longer and longer between tries while a server is away. */
const RECONNECT_MS = 90_000;
const DROP_WITHIN_MS = 2_000;

export interface Step {
  /** What a person does or sees, as a plain sentence. */
  readonly says: string;
  /** Resolves with what there is to show of it. */
  readonly run: () => Promise<string>;
}

/** A step whose sentence promises a time measures it itself, from the change to its effect. */
export interface Timing {
  readonly milliseconds: number;
  readonly promisedMs: number;
}

export interface Scenario {
  readonly steps: readonly Step[];
  /** From the answer to the deletion until the other device had dropped its peer; undefined until that step has run. */
  readonly dropTiming: () => Timing | undefined;
}

/** @param network asked for when a step runs; the sentences can be read before there is one */
export function realPath(network: () => Network): Scenario {
  // Each is set by the step that makes it; a later step would not run without.
  let server: Server;
  let rest: Rest;
  let apiKey: string;
  let authKey: string;
  let laptop: RealDevice;
  let router: RealDevice;
  let before: Device[];
  let dropTiming: Timing | undefined;

  const devices = async () =>
    DeviceList.parse(await rest.ask('GET', '/api/v2/tailnet/-/devices?fields=all')).devices;
  const deviceNamed = async (hostname: string) => {
    const found = (await devices()).find((device) => device.hostname === hostname);
    assert(found !== undefined, `GET devices has no ${hostname}`);
    return found;
  };
  const join = async (host: string, ...flags: string[]) => {
    const device = await startDevice(network().world, network().clients, host);
    await device.up({ loginServer: LOGIN_SERVER, authKey, flags });
    return device;
  };
  const enableRoutes = async (...routes: string[]) => {
    const { id } = await deviceNamed('router');
    const answer = DeviceRoutes.parse(await rest.ask('POST', `/api/v2/device/${id}/routes`, { routes }));
    assert.deepEqual(answer.enabledRoutes, routes);
  };
  /** On the laptop, which uses the route, and on the router, which serves it. */
  const routeIs = async (there: boolean) => {
    const [peer] = await laptop.peers();
    const { Self: self } = await router.status();
    for (const node of [peer, self]) assert.equal(node?.AllowedIPs?.includes(LAN), there);
  };
  const seesOnline = async (viewer: RealDevice, peer: RealDevice) => {
    const found = (await viewer.peers()).find(({ HostName }) => HostName === peer.host);
    assert(found?.Online, `${viewer.host} does not see ${peer.host} online`);
  };

  const steps: Step[] = [
    {
      says: 'A person creates the organization "acme" on a new installation (holdfast init --json).',
      run: async () => {
        const made = await network().initialise('acme');
        assert.equal(made.organization.label, 'acme');
        assert.equal(made.owner.email, 'owner@acme.test');
        apiKey = made.api_key;
        return `the owner is ${made.owner.email}`;
      },
    },
    {
      says: 'The server starts.',
      run: async () => {
        server = await network().startServer();
        rest = network().rest(apiKey);
        return `it listens on ${server.url}`;
      },
    },
    {
      says: 'With the key that init printed, the owner makes a reusable auth key over the Tailscale REST API.',
      run: async () => {
        const create = { reusable: true, ephemeral: false, preauthorized: true };
        const body = { capabilities: { devices: { create } }, description: 'first devices' };
        const made = NewKey.parse(await rest.ask('POST', '/api/v2/tailnet/-/keys', body));
        authKey = made.key;
        return `its id is ${made.id}`;
      },
    },
    {
      says: 'A laptop joins with it: a real tailscaled that accepts routes.',
      run: async () => {
        laptop = await join('laptop', '--accept-routes');
        return `its address is ${await laptop.address()}`;
      },
    },
    {
      says: `A router joins with it and offers the network ${LAN} behind it.`,
      run: async () => {
        router = await join('router', `--advertise-routes=${LAN}`);
        return `its address is ${await router.address()}`;
      },
    },
    {
      says: 'On each of the two, "tailscale status" shows both.',
      run: async () => {
        for (const device of [laptop, router]) {
          await eventually(async () => {
            const shown = await device.statusText();
            for (const { host } of [laptop, router]) assert.match(shown, new RegExp(`\\b${host}\\b`));
          });
        }
        await eventually(() => seesOnline(laptop, router));
        await eventually(() => seesOnline(router, laptop));
        return indent(await laptop.statusText());
      },
    },
    {
      says: 'They answer each other\'s "tailscale ping".',
      run: async () => {
        const there = await eventually(async () => laptop.ping(await router.address()));
        const back = await eventually(async () => router.ping(await laptop.address()));
        assert.match(there, /^pong from router /m);
        assert.match(back, /^pong from laptop /m);
        return indent(`${there}\n${back}`);
      },
    },
    {
      says: 'A TCP connection from the laptop to the router carries data both ways.',
      run: async () => {
        const address = await router.address();
        assert.equal(await eventually(() => network().dial('laptop', address)), 'hello');
        return `${address} echoed what it was sent`;
      },
    },
    {
      says: 'Before anybody enables the route, the laptop does not reach the printer behind the router.',
      run: async () => {
        await assert.rejects(network().dial('laptop', PRINTER));
        const { id } = await deviceNamed('router');
        const routes = DeviceRoutes.parse(await rest.ask('GET', `/api/v2/device/${id}/routes`));
        assert.deepEqual(routes.advertisedRoutes, [LAN]);
        assert.deepEqual(routes.enabledRoutes, []);
        return `${LAN} is advertised, not enabled`;
      },
    },
    {
      says: 'The owner enables the route over REST, and the laptop reaches the printer, which runs no client.',
      run: async () => {
        await enableRoutes(LAN);
        assert.equal(await eventually(() => network().dial('laptop', PRINTER)), 'hello');
        return `${PRINTER} echoed what it was sent`;
      },
    },
    {
      says: 'GET devices lists both, with their addresses, and connected.',
      run: async () => {
        await eventually(async () => {
          before = await devices();
          assert.deepEqual(before.map(({ hostname }) => hostname).sort(), ['laptop', 'router']);
          assert(before.every((device) => device.connectedToControl));
        });
        for (const device of [laptop, router]) {
          const listed = before.find(({ hostname }) => hostname === device.host);
          assert.deepEqual(listed?.addresses, [await device.address(4), await device.address(6)]);
        }
        return indent(before.map(({ name, addresses }) => `${name}  ${addresses.join('  ')}`).join('\n'));
      },
    },
    {
      says: 'The server is killed (kill -9) and started again; the devices are connected again, untouched.',
      run: async () => {
        await server.kill9();
        const killed = performance.now();
        server = await network().startServer();
        await eventually(async () => {
          const after = await devices();
          assert.deepEqual(after.map(identity), before.map(identity));
          assert(after.every((device) => device.connectedToControl));
        }, RECONNECT_MS);
        // What the server says of presence may be from before the crash; that news of it arrives on both is not.
        await enableRoutes();
        await eventually(() => routeIs(false), RECONNECT_MS);
        const milliseconds = Math.round(performance.now() - killed);
        await enableRoutes(LAN);
        await eventually(() => routeIs(true));
        await eventually(() => seesOnline(laptop, router));
        await eventually(() => seesOnline(router, laptop));
        await eventually(async () => laptop.ping(await router.address()));
        assert.equal(await eventually(() => network().dial('laptop', PRINTER)), 'hello');
        return `both were back ${milliseconds} ms after the kill, with the same keys and addresses`;
      },
    },
    {
      says: 'The owner deletes the router over REST, and the laptop drops it within two seconds.',
      run: async () => {
        const { id } = await deviceNamed('router');
        const address = await router.address();
        await rest.ask('DELETE', `/api/v2/device/${id}`);
        const deleted = performance.now();
        await eventually(async () => assert.deepEqual(await laptop.peers(), []));
        dropTiming = { milliseconds: Math.round(performance.now() - deleted), promisedMs: DROP_WITHIN_MS };
        await assert.rejects(network().dial('laptop', address));
        assert.deepEqual(
          (await devices()).map(({ hostname }) => hostname),
          ['laptop'],
        );
        return `gone after ${dropTiming.milliseconds} ms`;
      },
    },
  ];
  return { steps, dropTiming: () => dropTiming };
}

/** What must outlive a crash of the server. */
function identity({ id, nodeId, name, addresses, nodeKey, enabledRoutes }: Device) {
  return { id, nodeId, name, addresses, nodeKey, enabledRoutes };
}

/** Tries again until `attempt` succeeds; rejects with its last error when the time is over. */
async function eventually<T>(attempt: () => Promise<T>, timeoutMs = SOON_MS): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(POLL_MS);
  }
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, '      ').trimStart();
}
