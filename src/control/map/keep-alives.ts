/**
 * Keep-alives: a client that hears nothing for 120 s drops its stream. Sent after a silence of 50 to 60 s, spread so that
 * streams opened together do not stay in step.
 */
import { type Clock, SECOND } from '../../kernel/clock.ts';
import type { Hubs } from '../hubs.ts';
import { encodeKeepAlive } from '../wire/index.ts';

const SILENCE_MS = 50 * SECOND;
const SPREAD_MS = 10 * SECOND;
const CHECK_MS = SECOND;

export function startKeepAlives(hubs: Hubs, clock: Clock): () => void {
  const messages = { zstd: encodeKeepAlive('zstd'), none: encodeKeepAlive('none') };
  const timer = setInterval(() => {
    const now = clock.now();
    for (const hub of hubs.all()) {
      for (const stream of hub.streams()) {
        const patience = SILENCE_MS + ((stream.device * 7_919) % SPREAD_MS);
        if (!stream.ready || stream.backlog !== undefined || now - stream.lastWrite < patience) continue;
        stream.lastWrite = now;
        stream.sink.write(messages[stream.compression]);
      }
    }
  }, CHECK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
