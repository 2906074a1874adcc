/**
 * What clients upload under the collection of flow logs: a JSON array of entries, each a record of who talked to whom for
 * some seconds (client source: wgengine/netlog, types/netlogtype), packed with zstd where that is worth it. Zero values
 * are left out there and put back here. What else an entry holds (names of nodes, counters of the client) is dropped.
 */
import { zstdDecompress } from 'node:zlib';
import { z } from 'zod';
import type { FlowRecord } from '../../domain/flow-logs/flow-log-service.ts';
import { decodeExternalId } from '../../domain/ids/external-id.ts';
import { invalid } from '../../kernel/errors.ts';
import { parseAddr } from '../../kernel/netip/index.ts';

export const FLOW_COLLECTION = 'tailtraffic.log.tailscale.io';

/** Clients send entries of up to 256 KiB, and say that servers take twice that. */
export const MAX_UPLOAD_BYTES = 1024 ** 2;
const MAX_ENTRIES = 1_000;
/**
 * In a whole upload: more than fit into one with an address each. One that says nothing takes three bytes there and seventy
 * when it is kept.
 */
const MAX_CONNECTIONS = 20_000;
const MAX_PROTOCOL = 255;
const MAX_PORT = 65_535;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/u;

const time = z.string().transform((text, context) => {
  const ms = RFC_3339.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  context.addIssue({ code: 'custom', message: 'is not a time' });
  return z.NEVER;
});

/** An address with a port, or nothing where the client hides which. */
const endpoint = z
  .string()
  .refine((text) => {
    const match = /^(?:\[(?<six>[0-9a-fA-F:.]{2,45})\]|(?<four>[0-9.]{7,15})):(?<port>\d{1,5})$/u.exec(text);
    const { six, four, port } = match?.groups ?? {};
    const addr = parseAddr(six ?? four ?? '');
    return addr?.family === (six === undefined ? 4 : 6) && Number(port) <= MAX_PORT;
  }, 'is not an address and a port')
  .default('');

/** Counters of 64 bits; beyond what a number holds exactly they are cut, which no few seconds of traffic reach. */
const count = z
  .number()
  .min(0)
  .default(0)
  .transform((value) => Math.min(Math.trunc(value), Number.MAX_SAFE_INTEGER));

const connections = z
  .array(
    z.object({
      proto: z.int().min(0).max(MAX_PROTOCOL).default(0),
      src: endpoint,
      dst: endpoint,
      txPkts: count,
      txBytes: count,
      rxPkts: count,
      rxBytes: count,
    }),
  )
  .nullish();

const flowRecord = z.object({
  nodeId: z.string(),
  start: time,
  end: time,
  virtualTraffic: connections,
  subnetTraffic: connections,
  exitTraffic: connections,
  physicalTraffic: connections,
});

const LISTS = ['virtualTraffic', 'subnetTraffic', 'exitTraffic', 'physicalTraffic'] as const;

/** Counted before anything is looked at: looking is what costs. */
function connectionsIn(entry: unknown): number {
  if (typeof entry !== 'object' || entry === null) return 0;
  const lists: Readonly<Record<string, unknown>> = { ...entry };
  return LISTS.reduce((sum, name) => {
    const list = lists[name];
    return sum + (Array.isArray(list) ? list.length : 0);
  }, 0);
}

const entries = z.array(z.unknown()).max(MAX_ENTRIES);

/** Reads an upload's body. Entries that are no records (the client's own notes) are passed over. Errors: `invalid`. */
export async function readFlowRecords(body: Uint8Array, encoding: string | undefined): Promise<FlowRecord[]> {
  const parsed = entries.safeParse(parseJson(await unpack(body, encoding)));
  if (!parsed.success) throw invalid(`an upload is a JSON array of at most ${MAX_ENTRIES} entries`, 'body');
  if (parsed.data.reduce<number>((sum, entry) => sum + connectionsIn(entry), 0) > MAX_CONNECTIONS) {
    throw invalid(`an upload holds at most ${MAX_CONNECTIONS} connections`, 'body');
  }
  return parsed.data.flatMap((entry) => {
    const record = flowRecord.safeParse(entry);
    if (!record.success) return [];
    const { nodeId, start, end, ...traffic } = record.data;
    const seen = Object.fromEntries(Object.entries(traffic).filter(([, list]) => (list ?? []).length > 0));
    return [
      {
        device: decodeExternalId('device', nodeId),
        startAt: start,
        endAt: end,
        traffic: JSON.stringify(seen),
      },
    ];
  });
}

function unpack(body: Uint8Array, encoding: string | undefined): Promise<Uint8Array> {
  if (encoding === undefined || encoding === 'identity') return Promise.resolve(body);
  if (encoding !== 'zstd') throw invalid(`unknown content encoding: ${encoding.slice(0, 20)}`, 'body');
  return new Promise((resolve, reject) => {
    zstdDecompress(body, { maxOutputLength: MAX_UPLOAD_BYTES }, (error, unpacked) => {
      if (error === null) resolve(unpacked);
      else reject(invalid('the body is not zstd, or unpacks to more than is taken', 'body'));
    });
  });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid('the body is not JSON', 'body');
  }
}
