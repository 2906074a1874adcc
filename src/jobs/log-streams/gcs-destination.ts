/**
 * Buckets of Google Cloud Storage. No secret is kept for them: the stream's workload identity configuration says who may
 * write, and this installation proves who it is by its AWS account (Google's "workload identity federation with AWS").
 */
import { z } from 'zod';
import type { AwsRoles } from '../../domain/ports/aws-roles.ts';
import { type Clock, SECOND } from '../../kernel/clock.ts';
import { signed } from '../outgoing/aws.ts';
import type { Exchange } from '../outgoing/exchange.ts';
import { packed } from './compression.ts';
import type { Destination, StreamTarget } from './destination.ts';
import { jsonLines } from './entries.ts';
import { objectName } from './object-name.ts';
import { createUntilExpiry } from './until-expiry.ts';

export interface GcsParts {
  readonly roles: AwsRoles;
  readonly exchange: Exchange;
  readonly clock: Clock;
}

const UPLOAD = 'https://storage.googleapis.com/upload/storage/v1/b';
const AWS_TOKEN = 'urn:ietf:params:aws:token-type:aws4_request';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const CLOUD_SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const WRITE_SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';
const REGION = 'us-east-1';
const OK = 200;
const SHOWN = 200;

/** Proofs of who we are go to Google alone, whatever the configuration says. */
const googleUrl = z.url().refine((text) => {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' && hostname.endsWith('.googleapis.com');
}, 'is not a URL of googleapis.com');

const credentials = z.object({
  audience: z.string(),
  subject_token_type: z.literal(AWS_TOKEN),
  token_url: googleUrl,
  service_account_impersonation_url: googleUrl.optional(),
});
const exchanged = z.object({ access_token: z.string(), expires_in: z.number() });
const impersonated = z.object({ accessToken: z.string(), expireTime: z.string() });

export function gcsDestination({ roles, exchange, clock }: GcsParts): Destination {
  const tokens = createUntilExpiry<string>(clock);

  const ask = async <T>(
    schema: z.ZodType<T>,
    url: string,
    body: unknown,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<T> => {
    const request = { method: 'POST', url, body: JSON.stringify(body), headers } as const;
    const { status, text } = await exchange(request, signal);
    if (status !== OK) throw new Error(`${new URL(url).host} answered ${status}: ${text.slice(0, SHOWN)}`);
    return schema.parse(JSON.parse(text));
  };

  /** A signed question "who am I?", which Google asks AWS in our place. */
  const proof = async (audience: string): Promise<string> => {
    if (roles.account === undefined)
      throw new Error('this installation has no AWS account to prove itself by');
    const url = `https://sts.${REGION}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15`;
    const { headers } = await signed(
      {
        method: 'POST',
        url,
        headers: { 'x-goog-cloud-target-resource': audience },
        body: Buffer.alloc(0),
        service: 'sts',
        region: REGION,
      },
      roles.account,
      clock.now(),
    );
    const all = { ...headers, host: new URL(url).host };
    const question = {
      url,
      method: 'POST',
      headers: Object.entries(all).map(([key, value]) => ({ key, value })),
    };
    return encodeURIComponent(JSON.stringify(question));
  };

  const newToken = async (
    { config }: StreamTarget,
    signal: AbortSignal,
  ): Promise<{ readonly value: string; readonly expiresAt: number }> => {
    const parsed = credentials.safeParse(JSON.parse(config.gcsCredentials));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new Error(
        `gcsCredentials: ${issue?.path.join('.') ?? ''} is not usable here: ${issue?.message ?? ''}`,
      );
    }
    const { audience, token_url, service_account_impersonation_url: impersonate } = parsed.data;
    const question = {
      grantType: TOKEN_EXCHANGE,
      audience,
      scope: CLOUD_SCOPE,
      requestedTokenType: ACCESS_TOKEN,
      subjectTokenType: AWS_TOKEN,
      subjectToken: await proof(audience),
    };
    const token = await ask(exchanged, token_url, question, {}, signal);
    const expiresAt = clock.now() + token.expires_in * SECOND;
    if (impersonate === undefined) return { value: token.access_token, expiresAt };
    const scope = config.gcsScopes.length === 0 ? [WRITE_SCOPE] : config.gcsScopes;
    const headers = { authorization: `Bearer ${token.access_token}` };
    const account = await ask(impersonated, impersonate, { scope }, headers, signal);
    return { value: account.accessToken, expiresAt: Date.parse(account.expireTime) };
  };

  return {
    request: async (batch, signal) => {
      const { target, entries } = batch;
      const { gcsBucket, gcsKeyPrefix, gcsCredentials, gcsScopes, compressionFormat } = target.config;
      const key = JSON.stringify([target.org, gcsCredentials, gcsScopes]);
      const token = await tokens(key, () => newToken(target, signal));
      const { body, suffix } = await packed(jsonLines(entries), compressionFormat);
      const query = new URLSearchParams({
        uploadType: 'media',
        name: objectName(batch, gcsKeyPrefix, suffix),
      });
      return {
        method: 'POST',
        url: `${UPLOAD}/${encodeURIComponent(gcsBucket)}/o?${query}`,
        body,
        headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${token}` },
      };
    },
  };
}
