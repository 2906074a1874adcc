/** Who talked to whom: what devices report of the packets that they carried, kept while their organization wants it. */

import type { Clock } from '../../kernel/clock.ts';
import { invalid } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { FlowLogs, NewFlowLog, StoredFlowLog } from '../ports/flow-logs.ts';
import type { Store } from '../ports/store.ts';

export interface FlowRecord extends Pick<NewFlowLog, 'startAt' | 'endAt' | 'traffic'> {
  /** The device that the record says it is of. */
  readonly device: number | undefined;
}

export interface FlowLogService {
  /** `uploader`: the device whose secret came with the records. Resolves when they are stored. */
  accept(
    uploader: { readonly org: number; readonly device: number },
    records: readonly FlowRecord[],
  ): Promise<void>;
  /** Logged from `from` to `to`, in pages, oldest first. Errors, before the first page: `forbidden`, `invalid`. */
  list(
    actor: Actor,
    range: { readonly from: number; readonly to: number },
  ): AsyncIterable<readonly StoredFlowLog[]>;
}

export interface FlowLogServiceParts {
  readonly store: Pick<Store, 'get'>;
  readonly flowLogs: FlowLogs;
  readonly clock: Clock;
}

/** What comes within this time shares a transaction. */
const GATHER_MS = 50;
const PAGE = 500;

export function createFlowLogService({ store, flowLogs, clock }: FlowLogServiceParts): FlowLogService {
  let gathered: NewFlowLog[] = [];
  let flush: Promise<void> | undefined;

  const flushSoon = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    const records = gathered;
    gathered = [];
    flush = undefined;
    await flowLogs.append(records, clock.now());
  };

  const isWanted = async (org: number, device: number): Promise<boolean> => {
    const setting = await store.get('setting', org, { name: 'network_flow_logging' });
    return setting?.value === true && (await store.get('device', org, device)) !== undefined;
  };

  return {
    accept: async ({ org, device }, records) => {
      if (records.length === 0 || !(await isWanted(org, device))) return;
      const own = records.filter((record) => record.device === device);
      if (own.length < records.length) await flowLogs.countSpoofed(org, records.length - own.length);
      if (own.length === 0) return;
      gathered.push(...own.map(({ startAt, endAt, traffic }) => ({ org, device, startAt, endAt, traffic })));
      flush ??= flushSoon();
      await flush;
    },
    list: (actor, range) => {
      authorize(actor, 'flow-logs:read');
      if (range.to < range.from) throw invalid('end must not be before start', 'end');
      return pages(flowLogs, actor.org, range);
    },
  };
}

async function* pages(
  flowLogs: FlowLogs,
  org: number,
  range: { readonly from: number; readonly to: number },
): AsyncGenerator<readonly StoredFlowLog[]> {
  for (let last: StoredFlowLog | undefined; ; ) {
    const page = await flowLogs.between(org, range, last, PAGE);
    if (page.length > 0) yield page;
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}
