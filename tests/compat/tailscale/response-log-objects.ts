/** What the log endpoints answer, transcribed from the contract [10]. */
import { z } from 'zod';
import { time } from './response-objects.ts';

const text = z.string();
const count = z.int().min(0);

const configurationLog = z.strictObject({
  eventTime: time,
  type: z.literal('CONFIG'),
  deferredAt: time,
  eventGroupID: text,
  origin: z.enum([
    ...(['ADMIN_CONSOLE', 'CONFIG_API', 'CONTROL', 'IDENTITY_PROVIDER', 'NODE', 'SUPPORT_REQUEST'] as const),
    ...(['STRIPE', 'SECURITY_NOTIFICATION', 'LEGAL_NOTIFICATION'] as const),
  ]),
  actor: z.strictObject({
    id: text,
    type: z.enum([
      ...(['USER', 'NODE', 'AUTOMATED_WORKER', 'OAUTH_CLIENT', 'SCIM', 'MULLVAD', 'LOGSTREAM'] as const),
      'SECRET_SCANNER',
    ]),
    loginName: text,
    displayName: text,
    tags: z.array(text).optional(),
  }),
  target: z.strictObject({
    id: text,
    name: text,
    type: z.enum([
      ...(['TAILNET', 'USER', 'GROUP', 'NODE', 'API_KEY', 'INVITE', 'SHARE', 'BILLING'] as const),
      ...(['ADMIN_CONSOLE', 'WEB_INTERFACE', 'WEBHOOK_ENDPOINT', 'FAILED_REQUEST'] as const),
    ]),
    isEphemeral: z.boolean().optional(),
    property: text.optional(),
  }),
  action: z.enum([
    ...(['LOGIN', 'LOGOUT', 'CREATE', 'UPDATE', 'DELETE', 'CANCEL', 'REVOKE', 'APPROVE', 'SUSPEND'] as const),
    ...(['RESTORE', 'ENABLE', 'DISABLE', 'ACCEPT', 'EXPIRED', 'PUSH_USER', 'PUSH_GROUP', 'VERIFY'] as const),
    ...(['JOIN_WAITLIST', 'INVITE', 'JOIN', 'LEAVE', 'RESEND', 'MIGRATE_AUTH_PROVIDER'] as const),
  ]),
  old: z.unknown().optional(),
  new: z.unknown().optional(),
  actionDetails: text.optional(),
  error: text.optional(),
});
export const configurationLogs = z.strictObject({
  version: z.literal('1.1'),
  tailnet: text,
  logs: z.array(configurationLog),
});

const traffic = z.array(
  z.strictObject({
    ...{ proto: z.int().min(0).max(255), src: text, dst: text },
    ...{ txPkts: count, txBytes: count, rxPkts: count, rxBytes: count },
  }),
);
/** Clients read it as it comes: `logs` is all there is. */
export const networkLogs = z.strictObject({
  logs: z.array(
    z.strictObject({
      ...{ logged: time, nodeId: text, start: time, end: time },
      virtualTraffic: traffic.optional(),
      subnetTraffic: traffic.optional(),
      exitTraffic: traffic.optional(),
      physicalTraffic: traffic.optional(),
    }),
  ),
});

/** Without what is only written: `token`, `s3SecretAccessKey`. `http` is our own destination. */
export const logStream = z.strictObject({
  logType: z.enum(['configuration', 'network']),
  destinationType: z.enum(['splunk', 'elastic', 'panther', 'cribl', 'datadog', 'axiom', 's3', 'gcs', 'http']),
  url: text.optional(),
  user: text.optional(),
  uploadPeriodMinutes: z.int().min(0).max(1440),
  compressionFormat: z.enum(['none', 'zstd', 'gzip']),
  s3Bucket: text.optional(),
  s3Region: text.optional(),
  s3KeyPrefix: text.optional(),
  s3AuthenticationType: z.enum(['accesskey', 'rolearn']).optional(),
  s3AccessKeyId: text.optional(),
  s3RoleArn: text.optional(),
  s3ExternalId: text.optional(),
  gcsBucket: text.optional(),
  gcsKeyPrefix: text.optional(),
  gcsScopes: z.array(text).optional(),
  gcsCredentials: text.optional(),
});
export const logStreamStatus = z.strictObject({
  lastActivity: time,
  lastError: text,
  maxBodySize: count,
  numBytesSent: count,
  numEntriesSent: count,
  numSpoofedEntries: count,
  numTotalRequests: count,
  numFailedRequests: count,
  rateBytesSent: z.number().min(0),
  rateEntriesSent: z.number().min(0),
  rateTotalRequests: z.number().min(0),
  rateFailedRequests: z.number().min(0),
});

export const awsExternalId = z.strictObject({
  externalId: z.uuid(),
  tailscaleAwsAccountId: z.string().regex(/^\d+$/u),
});
