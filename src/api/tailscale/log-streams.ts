import { z } from 'zod';
import type { LogStream, LogStreamStatus } from '../../domain/log-streams/log-stream-service.ts';
import type { LogType } from '../../domain/ports/log-stream-queue.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody } from './body.ts';
import { type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { ZERO_TIME } from './times.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');

const body = z.object({
  destinationType: z.string(),
  url: text,
  user: text,
  token: text,
  uploadPeriodMinutes: z
    .number()
    .nullish()
    .transform((value) => value ?? 0),
  compressionFormat: text,
  s3Bucket: text,
  s3Region: text,
  s3KeyPrefix: text,
  s3AuthenticationType: text,
  s3AccessKeyId: text,
  s3SecretAccessKey: text,
  s3RoleArn: text,
  s3ExternalId: text,
  gcsBucket: text,
  gcsKeyPrefix: text,
  gcsScopes: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? []),
  gcsCredentials: text,
});

/** Fields that a destination does not use are left out. */
const streamWire = ({ logType, destination, config }: LogStream) => ({
  logType,
  destinationType: destination,
  ...Object.fromEntries(
    Object.entries(config).filter(
      ([, value]) => value !== '' && !(Array.isArray(value) && value.length === 0),
    ),
  ),
});

const statusWire = ({ lastActivity, lastError, counts, spoofed }: LogStreamStatus) => ({
  lastActivity: lastActivity === null ? ZERO_TIME : new Date(lastActivity).toISOString(),
  lastError,
  maxBodySize: counts.maxBody,
  numBytesSent: counts.bytes,
  numEntriesSent: counts.entries,
  numSpoofedEntries: spoofed,
  numTotalRequests: counts.requests,
  numFailedRequests: counts.failed,
  rateBytesSent: counts.rate_bytes,
  rateEntriesSent: counts.rate_entries,
  rateTotalRequests: counts.rate_requests,
  rateFailedRequests: counts.rate_failed,
});

function logTypeOf({ request }: GuardedCall): LogType {
  const logType = pathText(request, 'logType');
  if (logType !== 'configuration' && logType !== 'network') throw notFound('log type');
  return logType;
}

export function logStreamOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, logStreams } = services;
  const path = `${TAILNET}/logging/:logType/stream`;
  return [
    {
      id: 'tailscale.logging.stream.get',
      method: 'GET',
      path,
      requires: 'log-streams:read',
      handle: inTailnet(organizations, async (call) =>
        streamWire(await logStreams.get(call.actor, logTypeOf(call))),
      ),
    },
    {
      id: 'tailscale.logging.stream.status',
      method: 'GET',
      path: `${path}/status`,
      requires: 'log-streams:read',
      handle: inTailnet(organizations, async (call) =>
        statusWire(await logStreams.status(call.actor, logTypeOf(call))),
      ),
    },
    {
      id: 'tailscale.logging.stream.set',
      method: 'PUT',
      path,
      requires: 'log-streams:write',
      handle: inTailnet(organizations, async (call) => {
        const logType = logTypeOf(call);
        const { destinationType, compressionFormat, ...rest } = jsonBody(call.request, body);
        const input = {
          ...rest,
          destination: destinationType,
          compressionFormat: compressionFormat === '' ? 'none' : compressionFormat,
        };
        await logStreams.set(call.actor, logType, input, ORIGIN);
        return {};
      }),
    },
    {
      id: 'tailscale.logging.stream.delete',
      method: 'DELETE',
      path,
      requires: 'log-streams:write',
      handle: inTailnet(organizations, async (call) => {
        await logStreams.remove(call.actor, logTypeOf(call), ORIGIN);
        return {};
      }),
    },
  ];
}
