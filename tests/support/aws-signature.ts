// AWS Signature Version 4 as a service checks it, written from its documentation and by no library: canonical request, string
// to sign, derived key.
import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface SignedRequest {
  readonly method: string;
  /** Path and query as they came. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/u;
const MAX_AGE_MS = 15 * 60_000;

/** Undefined: the request is signed with that secret, for that service and region, now. Else what is wrong. */
export function signatureProblem(
  { method, url, headers, body }: SignedRequest,
  expected: {
    readonly accessKeyId: string;
    readonly secret: string;
    readonly service: string;
    readonly region: string;
  },
  now = Date.now(),
): string | undefined {
  const match = AUTHORIZATION.exec(headers.authorization ?? '');
  if (match === null) return `no signature in ${headers.authorization}`;
  const [, keyId = '', date = '', region = '', service = '', names = '', signature] = match;
  if (keyId !== expected.accessKeyId) return `signed with ${keyId}`;
  if (region !== expected.region || service !== expected.service) return `signed for ${service} in ${region}`;
  const time = String(headers['x-amz-date']);
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/u, '$1-$2-$3T$4:$5:$6Z'));
  if (!time.startsWith(date) || !(Math.abs(now - at) < MAX_AGE_MS)) return `signed at ${time}`;
  if (!names.split(';').includes('host')) return 'the host is not signed';
  const said = headers['x-amz-content-sha256'];
  if (said !== undefined && said !== sha256(body)) return 'the body is another';
  if (service === 's3' && said === undefined) return 'the body is not signed';
  const [path = '', query = ''] = url.split('?');
  const canonical = [
    method,
    path,
    query.split('&').filter(Boolean).sort().join('&'),
    ...names.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    names,
    said ?? sha256(body),
  ].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${expected.secret}`);
  return hmac(key, text).toString('hex') === signature
    ? undefined
    : `the signature is not that of\n${canonical}`;
}
