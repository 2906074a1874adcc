/** A stream as it is configured now, with its secrets opened and the destination that knows its form. */
import { openLogStream } from '../../domain/log-streams/log-stream-service.ts';
import type { AwsRoles } from '../../domain/ports/aws-roles.ts';
import type { LogType } from '../../domain/ports/log-stream-queue.ts';
import type { Sealer } from '../../domain/ports/sealer.ts';
import type { Store } from '../../domain/ports/store.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Exchange } from '../outgoing/exchange.ts';
import { gcsDestination } from './gcs-destination.ts';
import { httpDestination, isHttpDestination } from './http-destinations.ts';
import { s3Destination } from './s3-destination.ts';
import type { OpenedStream } from './stream-delivery.ts';

export interface StreamOpenerParts {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly roles: AwsRoles;
  readonly exchange: Exchange;
  readonly clock: Clock;
}

export function createStreamOpener({ store, sealer, roles, exchange, clock }: StreamOpenerParts) {
  const s3 = s3Destination({ roles, clock });
  const gcs = gcsDestination({ roles, exchange, clock });
  return async ({
    org,
    logType,
  }: {
    readonly org: number;
    readonly logType: LogType;
  }): Promise<OpenedStream | undefined> => {
    const row = await store.get('logStream', org, { logType });
    if (row === undefined) return undefined;
    const { destination, config, secrets } = openLogStream(row, sealer);
    const target = { org, logType, config, secrets };
    if (isHttpDestination(destination)) return { target, destination: httpDestination(destination) };
    return { target, destination: destination === 'gcs' ? gcs : s3 };
  };
}
