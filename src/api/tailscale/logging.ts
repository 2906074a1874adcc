import { Readable } from 'node:stream';
import type { StoredFlowLog } from '../../domain/ports/flow-logs.ts';
import { invalid } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { auditWire, type LogEntry } from './audit-wire.ts';
import { queryOf } from './body.ts';
import { flowLogWire } from './flow-log-wire.ts';
import { inTailnet, TAILNET, type TailscaleApiParts } from './parts.ts';
import { organizationOf } from './tailnet.ts';
import { parseWireTime } from './times.ts';

/** Errors: `invalid`. */
function timeOf(query: readonly (readonly [string, string])[], name: string): number {
  const text = query.find(([key]) => key === name)?.[1];
  if (text === undefined) throw invalid(`${name} is required`, name);
  const ms = parseWireTime(text);
  if (ms === undefined) throw invalid(`${name}: expected an RFC 3339 time`, name);
  return ms;
}

/** Of one parameter: each is held against every event of the range. */
const MAX_ALTERNATIVES = 100;

const holds = (value: string, part: string): boolean => value.toLowerCase().includes(part.toLowerCase());

/** Several of one name are alternatives; none asks for nothing. */
const anyOf = (wanted: readonly string[], fits: (text: string) => boolean): boolean =>
  wanted.length === 0 || wanted.some(fits);

/** `~text` looks for a part, anything else for the whole. */
function fitsActor(text: string, { id, loginName, displayName }: LogEntry['actor']): boolean {
  const values = [id, loginName, displayName];
  return text.startsWith('~') ? values.some((value) => holds(value, text.slice(1))) : values.includes(text);
}

/** Any part of a target will do, with the mark of a part or without. */
const fitsTarget = (text: string, { target, actionDetails = '' }: LogEntry): boolean =>
  // Of many things the tailnet is the target, and the details name the thing.
  [target.id, target.name, target.type === 'TAILNET' ? actionDetails : ''].some((value) =>
    holds(value, text.replace(/^~/u, '')),
  );

/** `NODE.DELETE` is the device gone, `NODE.DELETE.ATTRIBUTES` something else: the whole name counts. */
const eventName = ({ target, action }: LogEntry): string =>
  [target.type, action, target.property].filter((part) => part !== undefined).join('.');

async function* networkLogs(pages: AsyncIterable<readonly StoredFlowLog[]>): AsyncGenerator<string> {
  yield '{"logs":[';
  let separator = '';
  for await (const page of pages) {
    yield separator + page.map(flowLogWire).join(',');
    separator = ',';
  }
  yield ']}';
}

export function loggingOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, auditLog, flowLogs } = services;
  return [
    {
      id: 'tailscale.logging.configuration',
      method: 'GET',
      path: `${TAILNET}/logging/configuration`,
      requires: 'audit:read',
      handle: inTailnet(organizations, async ({ actor, request }) => {
        const query = queryOf(request);
        const all = (name: string): string[] => {
          const values = query.filter(([key]) => key === name).map(([, value]) => value);
          if (values.length <= MAX_ALTERNATIVES) return values;
          throw invalid(`${name}: at most ${MAX_ALTERNATIVES} may be given`, name);
        };
        const range = { from: timeOf(query, 'start'), to: timeOf(query, 'end') };
        const [actors, targets, events] = [all('actor'), all('target'), all('event')];
        const organization = await organizationOf(organizations, actor);
        const found = await auditLog.list(actor, range);
        const logs = found
          .map((event) => auditWire(event, organization))
          .filter(
            (entry) =>
              anyOf(actors, (text) => fitsActor(text, entry.actor)) &&
              anyOf(targets, (text) => fitsTarget(text, entry)) &&
              anyOf(events, (text) => eventName(entry) === text),
          );
        return { version: '1.1', tailnet: organization.tailnetName, logs };
      }),
    },
    {
      id: 'tailscale.logging.network',
      method: 'GET',
      path: `${TAILNET}/logging/network`,
      requires: 'flow-logs:read',
      handle: inTailnet(organizations, async ({ actor, request, reply }) => {
        const query = queryOf(request);
        const pages = flowLogs.list(actor, { from: timeOf(query, 'start'), to: timeOf(query, 'end') });
        return reply.type('application/json').send(Readable.from(networkLogs(pages)));
      }),
    },
  ];
}
