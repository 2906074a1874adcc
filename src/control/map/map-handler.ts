/** `POST /machine/map`: the long poll, lite updates, and one-shot reads. */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Clock } from '../../kernel/clock.ts';
import type { Found, Hubs } from '../hubs.ts';
import type { MapInput } from '../requests.ts';
import type { PresenceKeeper } from '../state/presence.ts';
import type { ConnectionContext } from '../transport/index.ts';
import { compressionOf } from '../wire/index.ts';
import type { DeviceUpdates } from './device-updates.ts';
import type { FirstMapQueue } from './first-map-queue.ts';
import type { MapStream, MessageSink } from './map-stream.ts';

export interface MapHandlerParts {
  readonly hubs: Hubs;
  readonly updates: DeviceUpdates;
  readonly presence: PresenceKeeper;
  readonly queue: FirstMapQueue;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** A stream has been opened. */
  readonly onOpened: (hub: Found['hub'], device: number) => void;
}

export type MapAnswer = { readonly status: number; readonly text: string } | 'empty' | 'streaming';

/** Replaced when the stream is opened. */
const NO_CLASS = 0;

function sinkOf(stream: ServerHttp2Stream): MessageSink {
  return {
    write: (message) => stream.destroyed || stream.write(message),
    end: () => {
      if (!stream.destroyed) stream.end();
    },
  };
}

export function createMapHandler({
  hubs,
  updates,
  presence,
  queue,
  clock,
  onError,
  onOpened,
}: MapHandlerParts) {
  const openStream = (found: Found, stream: ServerHttp2Stream, mapStream: MapStream, once: boolean): void => {
    const { hub, facts } = found;
    const { org, id } = facts.device;
    let freeSlot = (): void => undefined;
    let closed = false;
    stream.on('close', () => {
      closed = true;
      freeSlot();
      if (hub.close(mapStream) && !once) presence.disconnected(org, id);
    });
    /** A defect met on one stream ends that stream: its client asks again, and all others go on. */
    const guarded = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        onError(error);
        stream.destroy();
      }
    };
    stream.on('drain', () => {
      freeSlot();
      guarded(() => hub.drained(mapStream));
    });
    // A broken connection shows as 'close' too, which is where it is dealt with.
    stream.on('error', () => undefined);
    stream.respond({ ':status': constants.HTTP_STATUS_OK, 'content-type': 'application/json' });
    queue.enter((done) => {
      freeSlot = done;
      if (closed) return done();
      guarded(() => {
        if (once) return hub.answer(mapStream);
        hub.open(mapStream);
        onOpened(hub, id);
        presence.connected(org, id, hub.snapshot.devices.get(id)?.presence);
      });
      if (!stream.writableNeedDrain) done();
    });
  };

  return async (
    context: ConnectionContext,
    stream: ServerHttp2Stream,
    request: MapInput,
  ): Promise<MapAnswer> => {
    const compression = compressionOf(request.Compress ?? '');
    if (compression === undefined) return { status: 400, text: `unknown compression: ${request.Compress}` };
    const found = await hubs.find(request.NodeKey);
    // One answer for both: a machine learns nothing of nodes that are not its own.
    if (found === undefined || found.facts.device.machineKey !== context.machineKey) {
      return { status: 404, text: 'node not found' };
    }
    await updates.take(found, request, context.capver);
    if (!request.Stream && request.OmitPeers) return 'empty';
    openStream(
      found,
      stream,
      {
        device: found.facts.device.id,
        localAddress: context.localAddress,
        discoKey: request.DiscoKey ?? '',
        compression,
        sink: sinkOf(stream),
        ready: false,
        viewers: NO_CLASS,
        ownText: '',
        own: undefined,
        dnsText: '',
        relaysText: '',
        backlog: undefined,
        openedAt: clock.now(),
        lastWrite: clock.now(),
      },
      !request.Stream,
    );
    return 'streaming';
  };
}
