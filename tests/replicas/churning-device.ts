// One device of the churn: does something random to itself, again and again, through either process.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceKind } from './expected-network.ts';
import type { Replicas, RoamingDevice } from './replicas.ts';

const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 1_200;
const SOON_MS = 20_000;
/** Offered by every router of the churn, so that it has several carriers. */
const SHARED_PREFIX = '10.200.0.0/16';

/** Numbers in [0, 1) that repeat with the seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface ChurnKeys {
  readonly member: string;
  readonly ephemeral: string;
  readonly web: string;
  readonly db: string;
}

export interface ChurningDevice {
  /** Acts until told to stop, then leaves the device connected, or away if that is how it was left. */
  run(until: () => boolean): Promise<void>;
  /** The present identity, if it has one. */
  current(): RoamingDevice | undefined;
  isAway(): boolean;
  /** How often each thing was done. */
  readonly done: ReadonlyMap<string, number>;
  /** Streams that ended without a reason that the device knows. */
  readonly unexpectedEnds: number;
}

export function createChurningDevice(
  replicas: Replicas,
  keys: ChurnKeys,
  index: number,
  random: () => number,
): ChurningDevice {
  const done = new Map<string, number>();
  let device: RoamingDevice | undefined;
  let kind: DeviceKind = 'member';
  let ephemeral = false;
  let away = false;
  let generation = 0;
  let changes = 0;
  let unexpectedEnds = 0;

  const nextChange = (): number => {
    changes += 1;
    return changes;
  };
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const side = (): 0 | 1 => (random() < 0.5 ? 0 : 1);
  const rest = (path: string, body?: object, method = 'POST'): Promise<unknown> =>
    replicas.rest[side()].ask(method, `/api/v2/device/${device?.netmap().self?.ID}${path}`, body);

  const join = async (): Promise<void> => {
    const [authKey, joined] = pick([
      [keys.member, 'member'],
      [keys.member, 'member'],
      [keys.ephemeral, 'member'],
      [keys.web, 'tag:web'],
      [keys.db, 'tag:db'],
    ] as const);
    kind = joined;
    ephemeral = authKey === keys.ephemeral;
    generation += 1;
    // Names collide on purpose: labels have to be told apart.
    device = await replicas.device(side(), { hostname: `host-${index % 10}-${generation % 3}`, authKey });
    away = false;
    await device.join();
  };
  const retire = (): void => {
    device?.close();
    device?.way.close();
    device = undefined;
  };
  /** A client whose key has ended makes another and registers with it. */
  const signInAgain = async (own: RoamingDevice): Promise<void> => {
    const oldNodeKey = own.rotateNodeKey();
    const answer = await own.register({ oldNodeKey });
    if (answer.Error !== '') throw new Error(`${own.hostname} could not come back: ${answer.Error}`);
    await own.startMap();
  };
  const moveTo = async (own: RoamingDevice, at: 0 | 1): Promise<void> => {
    own.way.to(replicas.servers[at].url);
    await own.reconnect();
  };

  const actions: Readonly<Record<string, (own: RoamingDevice) => Promise<void>>> = {
    'change endpoints': (own) => own.update({ endpoints: [`192.0.2.${nextChange() % 250}:${4000 + index}`] }),
    'there and back': async (own) => {
      const before = [`198.51.100.${index}:41641`];
      await own.update({ endpoints: before });
      await own.update({ endpoints: ['203.0.113.1:1'] });
      await own.update({ endpoints: before });
    },
    'change host name': (own) => own.update({ hostinfo: { Hostname: `renamed-${pick([1, 2, 3])}` } }),
    'advertise routes': (own) =>
      own.update({
        hostinfo: { RoutableIPs: [`10.${index}.0.0/16`, ...(random() < 0.7 ? [SHARED_PREFIX] : [])] },
      }),
    'withdraw routes': (own) => own.update({ hostinfo: { RoutableIPs: [] } }),
    'approve routes': async () => {
      await rest('/routes', { routes: random() < 0.8 ? [`10.${index}.0.0/16`, SHARED_PREFIX] : [] });
    },
    reconnect: async (own) => {
      await own.reconnect();
    },
    move: (own) => moveTo(own, side()),
    'move fast': async (own) => {
      for (const at of [0, 1, side()] as const) await moveTo(own, at);
    },
    leave: async (own) => {
      own.drop();
      away = true;
    },
    delete: async (own) => {
      await rest('', undefined, 'DELETE');
      await own.waitForEnd(SOON_MS);
      retire();
    },
    'log out': async (own) => {
      await own.logout();
      if (ephemeral) {
        await own.waitForEnd(SOON_MS);
        retire();
      } else await signInAgain(own);
    },
    'expire key': async (own) => {
      await rest('/expire', {});
      await own.waitFor((map) => map.self?.Expired === true, SOON_MS, 'its own expiry');
      if (random() < 0.8) await signInAgain(own);
    },
    'switch key expiry': async () => {
      await rest('/key', { keyExpiryDisabled: random() < 0.5 });
    },
    rename: async () => {
      await rest('/name', { name: `named-${index}-${nextChange()}` });
    },
    retag: async () => {
      if (kind === 'member') return;
      kind = pick(['tag:web', 'tag:db'] as const);
      await rest('/tags', { tags: [kind] });
    },
    'withdraw approval': async () => {
      await rest('/authorized', { authorized: false });
      if (random() < 0.8) await rest('/authorized', { authorized: true });
    },
    approve: async () => {
      await rest('/authorized', { authorized: true });
    },
  };
  const names = Object.keys(actions);

  const act = async (): Promise<void> => {
    if (device === undefined) return join();
    if (away) {
      if (random() < 0.5) return;
      away = false;
      return moveTo(device, side());
    }
    if (!device.isStreaming()) {
      unexpectedEnds += 1;
      await device.reconnect();
    }
    const name = pick(names);
    try {
      await actions[name]?.(device);
    } catch (error) {
      throw new Error(`device ${index}, to ${name}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
    done.set(name, (done.get(name) ?? 0) + 1);
  };

  return {
    run: async (until) => {
      while (!until()) {
        await act();
        await sleep(MIN_PAUSE_MS + random() * (MAX_PAUSE_MS - MIN_PAUSE_MS));
      }
      if (device === undefined) await join();
      if (device !== undefined && !away && !device.isStreaming()) await device.reconnect();
    },
    current: () => device,
    isAway: () => away,
    done,
    get unexpectedEnds() {
      return unexpectedEnds;
    },
  };
}
