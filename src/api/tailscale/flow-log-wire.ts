import { encodeExternalId } from '../../domain/ids/external-id.ts';
import type { StoredFlowLog } from '../../domain/ports/flow-logs.ts';

/** As JSON. What the device reported is stored as it is shown. */
export function flowLogWire({ device, loggedAt, startAt, endAt, traffic }: StoredFlowLog): string {
  const [logged, start, end] = [loggedAt, startAt, endAt].map((ms) => new Date(ms).toISOString());
  const head = JSON.stringify({ logged, nodeId: encodeExternalId('device', device), start, end });
  return traffic === '{}' ? head : `${head.slice(0, -1)},${traffic.slice(1)}`;
}
