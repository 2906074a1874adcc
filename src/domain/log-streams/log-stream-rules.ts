/** Which destinations a log stream may have, and what each of them needs. */
import { invalid } from '../../kernel/errors.ts';
import { type Prefix, parseAddr, parsePrefix, prefixContains } from '../../kernel/netip/index.ts';

/** Destinations that are written to over HTTP at a URL, with a token. */
const HTTP_DESTINATIONS = ['splunk', 'elastic', 'panther', 'cribl', 'datadog', 'axiom', 'http'] as const;
const DESTINATIONS = [...HTTP_DESTINATIONS, 's3', 'gcs'] as const;
export type LogDestination = (typeof DESTINATIONS)[number];

/** What is shown to whoever may read the stream. Texts not given are ''. */
export interface LogStreamConfig {
  readonly url: string;
  readonly user: string;
  readonly uploadPeriodMinutes: number;
  readonly compressionFormat: string;
  readonly s3Bucket: string;
  readonly s3Region: string;
  readonly s3KeyPrefix: string;
  readonly s3AuthenticationType: string;
  readonly s3AccessKeyId: string;
  readonly s3RoleArn: string;
  readonly s3ExternalId: string;
  readonly gcsBucket: string;
  readonly gcsKeyPrefix: string;
  readonly gcsScopes: readonly string[];
  /** Workload identity configuration, which holds no secret. */
  readonly gcsCredentials: string;
}

/** Kept sealed, never shown. */
export interface LogStreamSecrets {
  readonly token: string;
  readonly s3SecretAccessKey: string;
}

export type LogStreamInput = LogStreamConfig & LogStreamSecrets & { readonly destination: string };

const COMPRESSIONS = ['none', 'gzip', 'zstd'];
const MAX_PERIOD_MINUTES = 1_440;
const MAX_TEXT = 2_000;
const MAX_CREDENTIALS = 10_000;
const MAX_SCOPES = 100;
const LONG_FIELDS: ReadonlySet<string> = new Set(['token', 's3SecretAccessKey', 'gcsCredentials']);
const ROLE_ARN = /^arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role\/[\w+=,.@/-]{1,512}$/u;

/** They become parts of the host that is asked: nothing in them may end its name. */
const REGION = /^[A-Za-z0-9_-]{1,64}$/u;
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/u;

const isDestination = (text: string): text is LogDestination =>
  (DESTINATIONS as readonly string[]).includes(text);
const isHttpDestination = (destination: LogDestination): boolean =>
  (HTTP_DESTINATIONS as readonly string[]).includes(destination);

const oneOf = (field: string, allowed: readonly string[]): Error =>
  invalid(`${field} must be one of ${allowed.join(', ')}`, field);

function checkUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/u.test(url.protocol)) {
    throw invalid('url: expected an http or https URL', 'url');
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid('url: a URL with a user name would show it to everybody', 'url');
  }
}

function checkSizes(input: LogStreamInput): void {
  for (const [field, value] of Object.entries(input)) {
    const limit = LONG_FIELDS.has(field) ? MAX_CREDENTIALS : MAX_TEXT;
    if (typeof value === 'string' && value.length > limit) {
      throw invalid(`${field}: at most ${limit} characters are allowed`, field);
    }
  }
  if (input.gcsScopes.length > MAX_SCOPES || input.gcsScopes.some((scope) => scope.length > MAX_TEXT)) {
    throw invalid(
      `gcsScopes: at most ${MAX_SCOPES} scopes of ${MAX_TEXT} characters are allowed`,
      'gcsScopes',
    );
  }
}

/** Fields without which a destination cannot be written to. */
function requiredFields(
  input: LogStreamInput,
  destination: LogDestination,
): readonly (keyof LogStreamInput)[] {
  if (destination === 'gcs') return ['gcsBucket', 'gcsCredentials'];
  if (isHttpDestination(destination)) {
    return destination === 'elastic' ? ['url', 'user', 'token'] : ['url', 'token'];
  }
  const bucket = ['s3Bucket', 's3Region', 's3AuthenticationType'] as const;
  if (input.s3AuthenticationType === 'rolearn') return [...bucket, 's3RoleArn', 's3ExternalId'];
  if (input.s3AuthenticationType === 'accesskey') return [...bucket, 's3AccessKeyId', 's3SecretAccessKey'];
  return bucket;
}

/** Errors: `invalid`. */
export function checkRoleArn(text: string, field: string): void {
  if (!ROLE_ARN.test(text)) throw invalid(`${field}: expected the ARN of an IAM role`, field);
}

function checkS3(input: LogStreamInput): void {
  if (!['accesskey', 'rolearn'].includes(input.s3AuthenticationType)) {
    throw oneOf('s3AuthenticationType', ['accesskey', 'rolearn']);
  }
  if (!REGION.test(input.s3Region)) throw invalid('s3Region: expected the name of a region', 's3Region');
  if (!BUCKET.test(input.s3Bucket)) throw invalid('s3Bucket: expected the name of a bucket', 's3Bucket');
}

/** Errors: `invalid` naming the field. */
export function checkLogStream(input: LogStreamInput): LogDestination {
  const { destination } = input;
  if (!isDestination(destination)) throw oneOf('destinationType', DESTINATIONS);
  checkSizes(input);
  const missing = requiredFields(input, destination).find((field) => input[field] === '');
  if (missing !== undefined) throw invalid(`${missing}: is required for ${destination}`, missing);
  if (destination === 's3') checkS3(input);
  if (input.s3RoleArn !== '') checkRoleArn(input.s3RoleArn, 's3RoleArn');
  if (input.url !== '') checkUrl(input.url);
  if (!COMPRESSIONS.includes(input.compressionFormat)) throw oneOf('compressionFormat', COMPRESSIONS);
  const period = input.uploadPeriodMinutes;
  if (!Number.isInteger(period) || period < 0 || period > MAX_PERIOD_MINUTES) {
    throw invalid(`uploadPeriodMinutes must be from 0 to ${MAX_PERIOD_MINUTES}`, 'uploadPeriodMinutes');
  }
  return destination;
}

/** Addresses that devices of an organization have. */
const DEVICE_PREFIXES: readonly Prefix[] = ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'].flatMap(
  (text) => parsePrefix(text) ?? [],
);

/** Whether the URL names a device by its address, so that the stream needs a way into the network. */
export function isPrivateUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const addr = parseAddr(new URL(text).hostname.replace(/^\[|\]$/gu, ''));
  return addr !== undefined && DEVICE_PREFIXES.some((prefix) => prefixContains(prefix, addr));
}
