/**
 * Buckets of Google Cloud Storage. No secret is kept for them: the stream's workload identity configuration says who may
 * write, and this installation proves who it is by its AWS account (Google's "workload identity federation with AWS").
 *
 * All organizations of an installation have that account in common. So each asks under a name of its own, which stands in
 * the ARN that Google sees, and what also lets in a name that no organization has is not used: it was perhaps made for
 * another organization, by somebody who forgot to say which.
 */
import { z } from 'zod';
import { awsNameOf, NOBODYS_AWS_NAME } from '../../domain/log-streams/organization-proof.ts';
import type { AwsRoles, AwsSession } from '../../domain/ports/aws-roles.ts';
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
/** Of a proof that a condition turns down, and of an account that may not be impersonated. */
const REFUSALS = [400, 401, 403];

class Refused extends Error {}

interface Token {
  readonly value: string;
  readonly expiresAt: number;
}

/**
 * Proofs of who we are go to the one service that takes them, whatever the configuration says: what is posted to another of
 * Google's hosts may end in somebody's bucket.
 */
const googleUrl = (service: string) => {
  const host = new RegExp(`^${service}\\.(?:mtls\\.|[a-z0-9-]+\\.rep\\.)?googleapis\\.com$`, 'u');
  return z.url().refine((text) => {
    const { protocol, hostname, port } = new URL(text);
    return protocol === 'https:' && port === '' && host.test(hostname);
  }, `is not a URL of ${service}.googleapis.com`);
};

const credentials = z.object({
  audience: z.string(),
  subject_token_type: z.literal(AWS_TOKEN),
  token_url: googleUrl('sts'),
  service_account_impersonation_url: googleUrl('iamcredentials').optional(),
});
type Credentials = z.infer<typeof credentials>;
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
    if (status !== OK) {
      const said = `${new URL(url).host} answered ${status}: ${text.slice(0, SHOWN)}`;
      throw REFUSALS.includes(status) ? new Refused(said) : new Error(said);
    }
    return schema.parse(JSON.parse(text));
  };

  /** A signed question "who am I?", which Google asks AWS in our place. */
  const proof = async (audience: string, session: AwsSession): Promise<string> => {
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
      session,
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

  /** A token for whoever goes by a name at AWS. */
  const tokenOf = async (
    { audience, token_url, service_account_impersonation_url: impersonate }: Credentials,
    scopes: readonly string[],
    session: AwsSession,
    signal: AbortSignal,
  ): Promise<Token> => {
    const question = {
      grantType: TOKEN_EXCHANGE,
      audience,
      scope: CLOUD_SCOPE,
      requestedTokenType: ACCESS_TOKEN,
      subjectTokenType: AWS_TOKEN,
      subjectToken: await proof(audience, session),
    };
    const token = await ask(exchanged, token_url, question, {}, signal);
    const expiresAt = clock.now() + token.expires_in * SECOND;
    if (impersonate === undefined) return { value: token.access_token, expiresAt };
    const scope = scopes.length === 0 ? [WRITE_SCOPE] : scopes;
    const headers = { authorization: `Bearer ${token.access_token}` };
    const account = await ask(impersonated, impersonate, { scope }, headers, signal);
    return { value: account.accessToken, expiresAt: Date.parse(account.expireTime) };
  };

  /** Whether the same is open to a name that nobody has. Without an answer that says no, it is. */
  const letsInNobody = async (attempt: Promise<Token>): Promise<boolean> => {
    try {
      await attempt;
      return true;
    } catch (error) {
      if (error instanceof Refused) return false;
      throw error;
    }
  };

  const newToken = async ({ org, config }: StreamTarget, signal: AbortSignal): Promise<Token> => {
    const parsed = credentials.safeParse(JSON.parse(config.gcsCredentials));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new Error(
        `gcsCredentials: ${issue?.path.join('.') ?? ''} is not usable here: ${issue?.message ?? ''}`,
      );
    }
    const own = await roles.named(awsNameOf(org), signal);
    const nobody = await roles.named(NOBODYS_AWS_NAME, signal);
    const tokenFor = ({ session }: { readonly session: AwsSession }): Promise<Token> =>
      tokenOf(parsed.data, config.gcsScopes, session, signal);
    const token = await tokenFor(own).catch((error: unknown) => {
      if (error instanceof Refused) throw new Error(`${error.message}; access is asked for as ${own.arn}`);
      throw error;
    });
    if (await letsInNobody(tokenFor(nobody))) {
      throw new Error(
        `gcsCredentials: other organizations of this installation are let in too; grant access to ${own.arn} alone`,
      );
    }
    return token;
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
