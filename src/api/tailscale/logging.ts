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

/** `~text` looks for a part, anything else for the whole; several of one name are alternatives. */
function matches(wanted: readonly string[], values: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  return wanted.some((text) =>
    text.startsWith('~')
      ? values.some((value) => value.toLowerCase().includes(text.slice(1).toLowerCase()))
      : values.includes(text),
  );
}

const eventNames = ({ target, action }: LogEntry): string[] => {
  const name = `${target.type}.${action}`;
  return target.property === undefined ? [name] : [name, `${name}.${target.property}`];
};

/** Clients read the answer as it comes: the list is the object's only member. */
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
        const all = (name: string): string[] =>
          query.filter(([key]) => key === name).map(([, value]) => value);
        const range = { from: timeOf(query, 'start'), to: timeOf(query, 'end') };
        const [actors, targets, events] = [all('actor'), all('target'), all('event')];
        const organization = await organizationOf(organizations, actor);
        const found = await auditLog.list(actor, range);
        const logs = found
          .map((event) => auditWire(event, organization))
          .filter(
            (entry) =>
              matches(actors, [entry.actor.id, entry.actor.loginName, entry.actor.displayName]) &&
              matches(targets, [entry.target.id, entry.target.name]) &&
              (events.length === 0 || eventNames(entry).some((name) => events.includes(name))),
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
