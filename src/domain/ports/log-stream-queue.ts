/** Log streams as the one who delivers them sees them: which there are, how far each has come, and what comes next. */
import type { Row } from '../model/entities.ts';
import type { logStreamCursor } from '../model/operations.ts';
import type { RowOf } from '../model/spec.ts';

export type LogStreamRow = Row<'logStream'>;
export type LogType = LogStreamRow['logType'];
export type LogStreamCursor = RowOf<typeof logStreamCursor.columns>;

export interface QueuedStream {
  readonly org: number;
  readonly logType: LogType;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The newest entry's number in that log; 0: there is none. */
  readonly head: number;
  /** Undefined: never tried. That of a stream which stood there before is not this one's. */
  readonly cursor: LogStreamCursor | undefined;
}

export interface LogStreamQueue {
  /** All streams of the installation. */
  streams(): Promise<readonly QueuedStream[]>;
  /** The number before the first entry that was logged at `since` or later. */
  placeAt(org: number, logType: LogType, since: number): Promise<number>;
  /** A place never goes back: a process that lost its lease may still note what it sent. */
  record(cursor: LogStreamCursor): Promise<void>;
  cursor(org: number, logType: LogType): Promise<LogStreamCursor | undefined>;
  /** Records of flows that came in another device's name. */
  spoofed(org: number): Promise<number>;
}
