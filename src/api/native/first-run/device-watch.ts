/** The devices of an organization as server-sent events: all of them at first, and again whenever one changes. */
import type { FastifyReply } from 'fastify';
import type { Actor } from '../../../domain/access/actor.ts';
import type { DeviceList } from '../../../domain/devices/device-list.ts';
import type { EntityKind } from '../../../domain/model/entities.ts';
import type { Follower } from '../../../domain/ports/follower.ts';
import type { Change, Store } from '../../../domain/ports/store.ts';
import { SECOND } from '../../../kernel/clock.ts';
import { AppError } from '../../../kernel/errors.ts';

const MAX_STREAMS = 100;
const COALESCE_MS = 50;
const KEEP_ALIVE_MS = 15 * SECOND;
const MAX_DEVICES = 50;
const SHOWN_KINDS: ReadonlySet<EntityKind> = new Set(['device', 'presence', 'address']);

export interface DeviceWatch {
  /** `currentActor` is asked before each event: the stream ends with the credential. */
  stream(reply: FastifyReply, org: number, currentActor: () => Promise<Actor>): Promise<void>;
  /** Ends all streams. */
  close(): void;
}

export interface DeviceWatchParts {
  readonly store: Pick<Store, 'feed'>;
  readonly follower: Follower;
  readonly deviceList: Pick<DeviceList, 'list'>;
  readonly onError: (error: unknown) => void;
}

export function createDeviceWatch({ store, follower, deviceList, onError }: DeviceWatchParts): DeviceWatch {
  const open = new Set<() => void>();

  const shown = async (actor: Actor): Promise<string> => {
    const devices = await deviceList.list(actor, { filters: [], detailed: false });
    return JSON.stringify({
      devices: devices
        .slice(0, MAX_DEVICES)
        .map(({ label, os, online, addresses }) => ({ name: label, os, online, addresses })),
    });
  };

  return {
    stream: async (reply, org, currentActor) => {
      if (open.size >= MAX_STREAMS) throw new AppError('rate_limited', 'too many pages watch the devices');
      const heads = await store.feed.heads([org]);
      reply.hijack();
      const answer = reply.raw;
      answer.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        // Proxies would hold events back until they have a buffer full.
        'x-accel-buffering': 'no',
      });
      let waiting: NodeJS.Timeout | undefined;
      let ended = false;
      const fail = (error: unknown): void => {
        // The page asks again, and hears then that its credential is gone.
        if (!(error instanceof AppError)) onError(error);
        end();
      };
      const send = async (): Promise<void> => {
        waiting = undefined;
        const data = await shown(await currentActor());
        if (!ended) answer.write(`data: ${data}\n\n`);
      };
      const sendSoon = (): void => {
        waiting ??= setTimeout(() => void send().catch(fail), COALESCE_MS);
      };
      const apply = (changes: readonly Change[]): void => {
        if (changes.some(({ kind }) => SHOWN_KINDS.has(kind))) sendSoon();
      };
      const stop = follower.follow(org, heads.get(org) ?? 0, apply, sendSoon);
      const keepAlive = setInterval(() => answer.write(': still here\n\n'), KEEP_ALIVE_MS);
      const end = (): void => {
        if (ended) return;
        ended = true;
        open.delete(end);
        stop();
        clearInterval(keepAlive);
        clearTimeout(waiting);
        answer.end();
      };
      open.add(end);
      answer.once('close', end);
      await send().catch(fail);
    },
    close: () => {
      for (const end of [...open]) end();
    },
  };
}
