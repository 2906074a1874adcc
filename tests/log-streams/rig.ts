// An organization over REST whose logs are delivered to receivers on this machine, on either engine.
import { createLogReader } from '../../src/api/tailscale/log-messages.ts';
import type { LogStreamQueue } from '../../src/domain/ports/log-stream-queue.ts';
import type { NamedLease } from '../../src/domain/ports/webhook-queue.ts';
import { createStreamOpener } from '../../src/jobs/log-streams/open-stream.ts';
import {
  createStreamDelivery,
  type StreamDelivery,
  type StreamDeliveryParts,
} from '../../src/jobs/log-streams/stream-delivery.ts';
import { createAwsRoles } from '../../src/jobs/outgoing/aws.ts';
import { createOutgoing, type Exchange } from '../../src/jobs/outgoing/exchange.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { createFlowLogs } from '../../src/store/flow-logs.ts';
import { createLogStreamQueue } from '../../src/store/log-stream-queue.ts';
import { createNamedLease } from '../../src/store/named-lease.ts';
import { addDevices, createTailscaleServer, TEST_SEALER } from '../compat/tailscale/support.ts';
import type { EngineName } from '../support/api-server.ts';
import { createFakeAws } from '../support/aws-services.ts';
import { createReceiver } from '../support/webhook-receiver.ts';

export const T = '/api/v2/tailnet/-';

export interface DeliveryOptions {
  readonly holder?: string;
  readonly spacingMs?: number;
  readonly allowPrivate?: boolean;
  /** Stands between the delivery and the receivers. */
  readonly through?: (exchange: Exchange) => Exchange;
  /** Stand between the delivery and the database. */
  readonly queue?: (queue: LogStreamQueue) => LogStreamQueue;
  readonly entries?: (read: LogReader) => LogReader;
  readonly lease?: (lease: NamedLease) => NamedLease;
  readonly clock?: Clock;
}

type LogReader = StreamDeliveryParts['entries'];
const asIs = <T>(part: T): T => part;

export type StreamRig = Awaited<ReturnType<typeof createStreamRig>>;

export async function createStreamRig(engine: EngineName) {
  const api = await createTailscaleServer(engine);
  const receiver = await createReceiver();
  const aws = await createFakeAws();
  const flowLogs = createFlowLogs({ engine: api.engine });
  const running: { readonly delivery: StreamDelivery; readonly close: () => void }[] = [];
  const org = api.organization.id;
  const [device] = await addDevices(api, org, [{ label: 'box', owner: api.owner.id }]);
  let keys = 0;
  // What made the organization is before every stream.
  api.clock.advance(1_000);

  return {
    api,
    receiver,
    aws,
    device: device!,
    /** Sets a stream; the destination's own fields over what the receiver asks for. */
    stream: (fields: object, logType = 'configuration') =>
      api.call('PUT', `${T}/logging/${logType}/stream`, {
        body: { destinationType: 'panther', url: `${receiver.url}/logs`, token: 'stream-token', ...fields },
      }),
    status: async (logType = 'configuration') => {
      const answer = await api.call('GET', `${T}/logging/${logType}/stream/status`);
      return answer.json<Record<string, string | number>>();
    },
    /** Writes entries of the configuration log, whose names tell them apart. */
    configure: async (count = 1): Promise<string[]> => {
      const names: string[] = [];
      for (let index = 0; index < count; index += 1) {
        keys += 1;
        const name = `key-${keys}`;
        const body = { capabilities: { devices: {} }, description: name };
        await api.call('POST', `${T}/keys`, { body });
        names.push(name);
      }
      return names;
    },
    flow: (count: number, traffic = '{"virtualTraffic":[]}') =>
      flowLogs.append(
        Array.from({ length: count }, (_, index) => ({
          ...{ org, device: device!.id, startAt: index, endAt: index + 1, traffic },
        })),
        api.clock.now(),
      ),
    deliver: (options: DeliveryOptions = {}): StreamDelivery => {
      const {
        holder = 'one',
        spacingMs = 0,
        allowPrivate = true,
        through = asIs,
        queue = asIs,
        entries = asIs,
        lease = asIs,
        clock = systemClock,
      } = options;
      const outgoing = createOutgoing({ allowPrivate, userAgent: 'holdfast-log-stream' });
      const exchange = through(outgoing.exchange);
      const account = { ...aws.account, stsUrl: aws.url };
      const roles = createAwsRoles({ account, exchange, clock: systemClock });
      const delivery = createStreamDelivery({
        queue: queue(createLogStreamQueue({ engine: api.engine })),
        entries: entries(createLogReader({ store: api.store, flowLogs })),
        open: createStreamOpener({
          store: api.store,
          sealer: TEST_SEALER,
          roles,
          exchange,
          clock: systemClock,
        }),
        exchange,
        lease: lease(createNamedLease({ engine: api.engine, name: 'log-streams', holder })),
        feed: api.store.feed,
        clock,
        random: systemRandom,
        onError: api.onError,
        spacingMs,
        pollMs: 30,
        lingerMs: 5,
      });
      delivery.start();
      running.push({ delivery, close: outgoing.close });
      return delivery;
    },
    close: async () => {
      for (const { delivery, close } of running) {
        await delivery.close();
        close();
      }
      await receiver.close();
      await aws.close();
      await api.close();
    },
  };
}

export interface SentEntry {
  readonly time: number;
  readonly event: Readonly<Record<string, unknown>>;
  readonly fields: { readonly recorded: string };
}

export const linesOf = (body: string | Buffer): SentEntry[] =>
  body
    .toString()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SentEntry);

/** The names of keys that entries tell of, in order. */
export const namesOf = (entries: readonly { readonly event: unknown }[]): string[] =>
  entries.flatMap(({ event }) => {
    const { target, action } = event as { target: { type: string; name: string }; action: string };
    return target.type === 'API_KEY' && action === 'CREATE' ? [target.name] : [];
  });
