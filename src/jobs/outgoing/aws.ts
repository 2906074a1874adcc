/** Requests to services that know AWS's signatures: the installation's own account, and roles of others that it takes on. */
import { createHash } from 'node:crypto';
import { AwsV4Signer } from 'aws4fetch';
import { awsNameOf } from '../../domain/log-streams/organization-proof.ts';
import type { AwsRoles, AwsSession, RoleAttempt } from '../../domain/ports/aws-roles.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Exchange, IncomingAnswer, OutgoingRequest } from './exchange.ts';

export interface AwsAccount {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Where roles are asked for; undefined: the service of the region. */
  readonly stsUrl: string | undefined;
}

export interface SignedRequestInput extends Omit<OutgoingRequest, 'body'> {
  readonly body: Buffer;
  readonly service: string;
  readonly region: string;
}

/** The request with its signature (AWS Signature Version 4). */
export async function signed(
  request: SignedRequestInput,
  session: AwsSession,
  now: number,
): Promise<OutgoingRequest> {
  const { method, url, body, service, region } = request;
  const hash = createHash('sha256').update(body).digest('hex');
  // S3 wants the hash of the body said; elsewhere it is part of the signature alone.
  const headers = { ...request.headers, ...(service === 's3' ? { 'x-amz-content-sha256': hash } : {}) };
  const { accessKeyId, secretAccessKey, sessionToken } = session;
  const signer = new AwsV4Signer({
    ...{ method, url, headers, service, region, accessKeyId, secretAccessKey },
    ...(sessionToken === undefined ? {} : { sessionToken }),
    body: new Uint8Array(body),
    datetime: new Date(now).toISOString().replace(/[:-]|\.\d{3}/gu, ''),
  });
  const made = await signer.sign();
  // The connection itself says where it leads.
  const sent = [...made.headers].filter(([name]) => name !== 'host');
  return { method, url: made.url.toString(), body, headers: Object.fromEntries(sent) };
}

export interface AwsRolesParts {
  /** Undefined: this installation has no account. */
  readonly account: AwsAccount | undefined;
  readonly exchange: Exchange;
  readonly clock: Clock;
}

const VERSION = '2011-06-15';
const SESSION_SECONDS = '3600';
const HOME_REGION = 'us-east-1';
const OK = 200;
/** What is signed with the installation's account goes to AWS, whatever was stored for a region. */
const REGION = /^[a-z0-9-]{1,64}$/u;
const NO_ACCOUNT =
  'this installation has no AWS account: start it with --aws-access-key-id and --aws-secret-access-key';

const tag = (xml: string, name: string): string | undefined =>
  new RegExp(`<${name}>([^<]{1,4096})</${name}>`, 'u').exec(xml)?.[1];

interface Issued {
  readonly session: AwsSession;
  readonly expiresAt: number;
}

/** The credentials that an answer holds. */
function issued(text: string, now: number): Issued {
  const accessKeyId = tag(text, 'AccessKeyId');
  const secretAccessKey = tag(text, 'SecretAccessKey');
  const sessionToken = tag(text, 'SessionToken');
  const expiresAt = Date.parse(tag(text, 'Expiration') ?? '');
  if (accessKeyId === undefined || secretAccessKey === undefined || sessionToken === undefined)
    throw new Error('the answer of the security token service holds no credentials');
  return {
    session: { accessKeyId, secretAccessKey, sessionToken },
    expiresAt: Number.isNaN(expiresAt) ? now : expiresAt,
  };
}

export function createAwsRoles({ account, exchange, clock }: AwsRolesParts): AwsRoles {
  const ask = async (
    region: string,
    question: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<IncomingAnswer> => {
    if (account === undefined) throw new Error(NO_ACCOUNT);
    if (!REGION.test(region)) throw new Error('this is no region of AWS');
    const form = new URLSearchParams({ Version: VERSION, DurationSeconds: SESSION_SECONDS, ...question });
    const request = await signed(
      {
        method: 'POST',
        url: account.stsUrl ?? `https://sts.${region}.amazonaws.com/`,
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        body: Buffer.from(form.toString()),
        service: 'sts',
        region,
      },
      account,
      clock.now(),
    );
    return exchange(request, signal);
  };
  const reasonOf = ({ status, text }: IncomingAnswer): string =>
    tag(text, 'Message') ?? tag(text, 'Code') ?? `status ${status}`;

  return {
    account,
    assume: async ({ org, roleArn, externalId, region }, signal): Promise<RoleAttempt> => {
      const answer = await ask(
        region,
        {
          Action: 'AssumeRole',
          RoleArn: roleArn,
          RoleSessionName: awsNameOf(org),
          ...(externalId === undefined ? {} : { ExternalId: externalId }),
        },
        signal,
      );
      return answer.status === OK
        ? issued(answer.text, clock.now())
        : { denied: tag(answer.text, 'Code') === 'AccessDenied', reason: reasonOf(answer) };
    },
    named: async (name, signal) => {
      // Without a policy such a session has no permissions; anybody may ask who they are.
      const answer = await ask(HOME_REGION, { Action: 'GetFederationToken', Name: name }, signal);
      if (answer.status !== OK)
        throw new Error(`this installation's AWS account cannot name its organizations: ${reasonOf(answer)}`);
      const arn = tag(answer.text, 'Arn');
      // One that is called something else would prove another organization than the one that asks.
      if (arn?.endsWith(`:federated-user/${name}`) !== true)
        throw new Error('the security token service gave a session of another name');
      return { ...issued(answer.text, clock.now()), arn };
    },
  };
}
