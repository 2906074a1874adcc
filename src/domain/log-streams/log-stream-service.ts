/** Where an organization's logs go: one stream for each type of log, replaced as a whole. */
import type { Clock } from '../../kernel/clock.ts';
import { invalid, notFound } from '../../kernel/errors.ts';
import { type Actor, byColumnsOf, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Row } from '../model/entities.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { LogStreamQueue, LogType } from '../ports/log-stream-queue.ts';
import type { SealedPlace, Sealer } from '../ports/sealer.ts';
import type { Store, Tx } from '../ports/store.ts';
import { canonicalGcsCredentials } from './gcs-credentials.ts';
import {
  checkLogStream,
  isPrivateUrl,
  type LogStreamConfig,
  type LogStreamInput,
  type LogStreamSecrets,
} from './log-stream-rules.ts';
import { countsOf, decayed, type StreamCounts } from './stream-counts.ts';

export interface LogStream {
  readonly logType: LogType;
  readonly destination: string;
  readonly config: LogStreamConfig;
}

export interface LogStreamStatus {
  /** Milliseconds since 1970; null: nothing was sent yet. */
  readonly lastActivity: number | null;
  /** '' when the last try succeeded. */
  readonly lastError: string;
  /** The rates as of now. */
  readonly counts: StreamCounts;
  readonly spoofed: number;
}

export interface LogStreams {
  /** Errors: `not_found` where none is set. */
  get(actor: Actor, logType: LogType): Promise<LogStream>;
  /**
   * A URL of a device of the network asks for the rights to share devices and to write the policy as well.
   * Errors: `invalid`.
   */
  set(actor: Actor, logType: LogType, input: LogStreamInput, origin: AuditOrigin): Promise<LogStream>;
  /** What became of its deliveries. Errors: `not_found` where none is set. */
  status(actor: Actor, logType: LogType): Promise<LogStreamStatus>;
  /** Errors: `not_found` where none is set. */
  remove(actor: Actor, logType: LogType, origin: AuditOrigin): Promise<void>;
}

const logStreamSecretPlace = (stream: Pick<Row<'logStream'>, 'org' | 'logType'>): SealedPlace => ({
  kind: 'logStream',
  org: stream.org,
  key: stream.logType,
  column: 'secretsSealed',
});

const EMPTY: LogStreamConfig = {
  url: '',
  user: '',
  uploadPeriodMinutes: 0,
  compressionFormat: 'none',
  s3Bucket: '',
  s3Region: '',
  s3KeyPrefix: '',
  s3AuthenticationType: '',
  s3AccessKeyId: '',
  s3RoleArn: '',
  s3ExternalId: '',
  gcsBucket: '',
  gcsKeyPrefix: '',
  gcsScopes: [],
  gcsCredentials: '',
};

/** A stream opened for whoever delivers it. */
export interface OpenStream extends LogStream {
  readonly secrets: LogStreamSecrets;
}

export function openLogStream(row: Row<'logStream'>, sealer: Sealer): OpenStream {
  const sealed = row.secretsSealed;
  const text = sealed === null ? '{}' : sealer.open(sealed, logStreamSecretPlace(row));
  // Written by this file alone.
  const secrets = { ...NO_SECRETS, ...(JSON.parse(text) as Partial<LogStreamSecrets>) };
  return { ...shown(row), secrets };
}

const NO_SECRETS: LogStreamSecrets = { token: '', s3SecretAccessKey: '' };

const shown = ({ logType, destination, config }: Row<'logStream'>): LogStream => ({
  logType,
  destination,
  config: { ...EMPTY, ...config },
});

/** What the audit log shows of a stream: where it leads. No credentials, which some destinations take in the query. */
function auditable(row: Row<'logStream'>): object {
  const { destination, config } = shown(row);
  const { url, s3Bucket, s3KeyPrefix, gcsBucket, gcsKeyPrefix } = config;
  const places = { url: url.replace(/\?.*$/su, ''), s3Bucket, s3KeyPrefix, gcsBucket, gcsKeyPrefix };
  const { user, s3RoleArn, compressionFormat, uploadPeriodMinutes } = config;
  const told = Object.entries({ ...places, user, s3RoleArn }).filter(([, value]) => value !== '');
  return {
    destinationType: destination,
    ...Object.fromEntries(told),
    compressionFormat,
    uploadPeriodMinutes,
  };
}

export interface LogStreamParts {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly queue: LogStreamQueue;
  readonly clock: Clock;
}

export function createLogStreams({ store, sealer, queue, clock }: LogStreamParts): LogStreams {
  /** Both secrets are out of it: they are sealed in a column of their own. */
  const audit = (tx: Tx, before: Row<'logStream'> | undefined, after: Row<'logStream'> | undefined): void => {
    const stream = after ?? before;
    if (stream === undefined) return;
    const verb = before === undefined ? 'create' : after === undefined ? 'delete' : 'update';
    tx.audit(stream.org, {
      verb,
      objectKind: 'logStream',
      objectId: stream.logType,
      objectName: stream.logType,
      ...(before === undefined ? {} : { before: auditable(before) }),
      ...(after === undefined ? {} : { after: auditable(after) }),
    });
  };

  /**
   * An id of another organization would let this one write under a role that was given to the other. One that belongs to
   * an account from now on is handed out for no other.
   */
  const takeExternalId = async (tx: Tx, org: number, externalId: string): Promise<void> => {
    if (externalId === '') return;
    const [known] = await tx.find('awsExternalId', org, { externalId });
    if (known === undefined) {
      throw invalid('s3ExternalId: not an external id of this organization', 's3ExternalId');
    }
    if (known.reusable) await tx.update('awsExternalId', org, known.id, { reusable: false });
  };

  return {
    get: async (actor, logType) => {
      authorize(actor, 'log-streams:read');
      const found = await store.get('logStream', actor.org, { logType });
      if (found === undefined) throw notFound('log stream');
      return shown(found);
    },
    set: (actor, logType, input, origin) => {
      authorize(actor, 'log-streams:write');
      const { destination: _, token, s3SecretAccessKey, ...fields } = input;
      const destination = checkLogStream(input);
      const config: LogStreamConfig = {
        ...fields,
        gcsCredentials: fields.gcsCredentials === '' ? '' : canonicalGcsCredentials(fields.gcsCredentials),
      };
      if (isPrivateUrl(config.url)) {
        authorize(actor, 'shares:write');
        authorize(actor, 'policy:write');
      }
      const secrets: LogStreamSecrets = { token, s3SecretAccessKey };
      return store.write(contextOf(actor, origin), async (tx) => {
        const { org } = actor;
        await takeExternalId(tx, org, config.s3ExternalId);
        const before = await tx.get('logStream', org, { logType });
        const row: Row<'logStream'> = {
          org,
          logType,
          destination,
          config: { ...config },
          secretsSealed: sealer.seal(JSON.stringify(secrets), logStreamSecretPlace({ org, logType })),
          createdAt: before?.createdAt ?? tx.now,
          updatedAt: tx.now,
          ...byColumnsOf(actor),
        };
        await tx.put('logStream', row);
        audit(tx, before, row);
        return shown(row);
      });
    },
    status: async (actor, logType) => {
      authorize(actor, 'log-streams:read');
      const { org } = actor;
      const [stream, kept, spoofed] = await Promise.all([
        store.get('logStream', org, { logType }),
        queue.cursor(org, logType),
        logType === 'network' ? queue.spoofed(org) : 0,
      ]);
      if (stream === undefined) throw notFound('log stream');
      const cursor = kept?.since === stream.createdAt ? kept : undefined;
      return {
        lastActivity: cursor?.lastActivity ?? null,
        lastError: cursor?.lastError ?? '',
        counts: decayed(countsOf(cursor?.counts), clock.now()),
        spoofed,
      };
    },
    remove: (actor, logType, origin) => {
      authorize(actor, 'log-streams:write');
      return store.write(contextOf(actor, origin), async (tx) => {
        const before = await tx.get('logStream', actor.org, { logType });
        if (before === undefined) throw notFound('log stream');
        await tx.remove('logStream', actor.org, { logType });
        audit(tx, before, undefined);
      });
    },
  };
}
