/** Entries of a log, and how much of it goes into one request. */
import { SECOND } from '../../kernel/clock.ts';

export interface LogEntry {
  /** Its number in its log. */
  readonly seq: number;
  /** When it was recorded, milliseconds since 1970. */
  readonly at: number;
  /** A JSON object. */
  readonly event: string;
}

export const MAX_ENTRIES = 1_000;
/** Below the limits of all destinations, by default settings (Splunk 1 MB, Datadog 5 MB). */
const MAX_BODY_BYTES = 768 * 1024;
/** What an entry takes beside its event, in any form. */
const FRAME_BYTES = 256;

/** As many entries as fit one request; one that is larger than that goes alone. */
export function fitting(entries: readonly LogEntry[]): readonly LogEntry[] {
  let bytes = 0;
  const end = entries.findIndex(({ event }, index) => {
    bytes += Buffer.byteLength(event) + FRAME_BYTES;
    return index > 0 && bytes > MAX_BODY_BYTES;
  });
  return end === -1 ? entries : entries.slice(0, end);
}

/** The form in which destinations know these logs: that of Splunk's collector, with the time in seconds. */
export const entryJson = ({ at, event }: LogEntry): string =>
  `{"time":${at / SECOND},"event":${event},"fields":{"recorded":"${new Date(at).toISOString()}"}}`;

export const jsonLines = (entries: readonly LogEntry[]): string =>
  entries.map((entry) => `${entryJson(entry)}\n`).join('');
