/** Entries of the logs in the form of this API: what is sent to log streams, as the lists of logs show it. */

import type { FlowLogs } from '../../domain/ports/flow-logs.ts';
import type { LogType } from '../../domain/ports/log-stream-queue.ts';
import { INSTALLATION, type Store } from '../../domain/ports/store.ts';
import type { LogEntry } from '../../jobs/log-streams/entries.ts';
import { auditWire } from './audit-wire.ts';
import { flowLogWire } from './flow-log-wire.ts';

export interface LogReaderParts {
  readonly store: Store;
  readonly flowLogs: Pick<FlowLogs, 'after'>;
}

/** Reads entries of an organization's log after a number, in order. */
export function createLogReader({ store, flowLogs }: LogReaderParts) {
  return async (
    { org, logType }: { readonly org: number; readonly logType: LogType },
    after: number,
    limit: number,
  ): Promise<readonly LogEntry[]> => {
    if (logType === 'network') {
      const found = await flowLogs.after(org, after, limit);
      return found.map((log) => ({ seq: log.seq, at: log.loggedAt, event: flowLogWire(log) }));
    }
    const organization = await store.get('organization', INSTALLATION, org);
    if (organization === undefined) return [];
    const events = await store.auditEvents(org, { afterSeq: after, limit });
    return events.map((event) => ({
      seq: event.seq,
      at: event.at,
      event: JSON.stringify(auditWire(event, organization)),
    }));
  };
}
