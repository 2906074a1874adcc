/** What a kind of destination has to say: the request that brings a batch there, and whether the answer means success. */
import type { LogStreamConfig, LogStreamSecrets } from '../../domain/log-streams/log-stream-rules.ts';
import type { LogType } from '../../domain/ports/log-stream-queue.ts';
import type { IncomingAnswer, OutgoingRequest } from '../outgoing/exchange.ts';
import type { LogEntry } from './entries.ts';

export interface StreamTarget {
  readonly org: number;
  readonly logType: LogType;
  readonly config: LogStreamConfig;
  readonly secrets: LogStreamSecrets;
}

export interface LogBatch {
  readonly target: StreamTarget;
  readonly entries: readonly LogEntry[];
}

export interface Destination {
  /** Rejects when the request cannot be made, with a sentence for whoever looks at the stream's status. */
  request(batch: LogBatch, signal: AbortSignal): Promise<OutgoingRequest>;
  /** What went wrong with an answer of a good status; undefined: nothing. */
  problem?(answer: IncomingAnswer): string | undefined;
}
