// Stand-ins for S3 and the security token service that check what they are asked as the real ones do.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { signatureProblem } from './aws-signature.ts';
import { PATIENT } from './patient.ts';

export interface FakeRole {
  readonly arn: string;
  /** Undefined: it lets in whoever asks; '*': whoever has any. */
  readonly externalId: string | undefined;
}

export interface FakeAws {
  readonly url: string;
  readonly account: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly roles: FakeRole[];
  /** Long-lived keys of users, beside the account's. */
  readonly keys: Map<string, string>;
  /** What sessions are called, by the id of their key. */
  readonly names: Map<string, string>;
  /** Objects by bucket and key, in the order of their first writing. */
  readonly objects: Map<string, Buffer>;
  /** Requests that were refused, with the reason. */
  readonly refused: string[];
  /** Every request that put an object, by its key. */
  readonly puts: string[];
  close(): Promise<void>;
}

const ACCOUNT = { accessKeyId: 'AKIAHOLDFAST', secretAccessKey: 'the-account-secret' };
export const SESSION_SECRET = 'session-secret';
const SESSION_TOKEN = 'session-token';
const REGION = 'eu-central-1';

export async function createFakeAws(): Promise<FakeAws> {
  const roles: FakeRole[] = [];
  const keys = new Map([[ACCOUNT.accessKeyId, ACCOUNT.secretAccessKey]]);
  const objects = new Map<string, Buffer>();
  const refused: string[] = [];
  const puts: string[] = [];
  let sessions = 0;

  const names = new Map<string, string>();

  /** Whether a role lets the request in. */
  const trusts = (form: URLSearchParams): boolean => {
    const role = roles.find(({ arn }) => arn === form.get('RoleArn'));
    if (role === undefined) return false;
    if (role.externalId === '*') return form.has('ExternalId');
    return role.externalId === undefined || role.externalId === form.get('ExternalId');
  };

  const session = (form: URLSearchParams): { readonly status: number; readonly xml: string } => {
    const action = form.get('Action');
    const name = form.get(action === 'AssumeRole' ? 'RoleSessionName' : 'Name') ?? '';
    if (!/^(?:AssumeRole|GetFederationToken)$/u.test(action ?? '') || form.get('Version') !== '2011-06-15')
      return { status: 400, xml: '<ErrorResponse><Error><Code>InvalidAction</Code></Error></ErrorResponse>' };
    if (!/^[\w+=,.@-]{2,32}$/u.test(name))
      return {
        status: 400,
        xml: '<ErrorResponse><Error><Code>ValidationError</Code></Error></ErrorResponse>',
      };
    if (action === 'AssumeRole' && !trusts(form)) {
      const text = `User is not authorized to perform: sts:AssumeRole on resource: ${form.get('RoleArn')}`;
      return {
        status: 403,
        xml: `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${text}</Message></Error></ErrorResponse>`,
      };
    }
    sessions += 1;
    const id = `ASIASESSION${sessions}`;
    keys.set(id, SESSION_SECRET);
    names.set(id, name);
    const expiration = new Date(Date.now() + 3_600_000).toISOString();
    const user =
      action === 'AssumeRole'
        ? ''
        : `<FederatedUser><Arn>arn:aws:sts::111122223333:federated-user/${name}</Arn></FederatedUser>`;
    return {
      status: 200,
      xml: `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>
        <AccessKeyId>${id}</AccessKeyId><SecretAccessKey>${SESSION_SECRET}</SecretAccessKey>
        <SessionToken>${SESSION_TOKEN}</SessionToken><Expiration>${expiration}</Expiration>
        </Credentials>${user}</${action}Result></${action}Response>`,
    };
  };

  const server = http.createServer(PATIENT, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const { method = '', url = '', headers } = request;
      const service = method === 'PUT' ? 's3' : 'sts';
      const accessKeyId = /Credential=([^/]+)/u.exec(headers.authorization ?? '')?.[1] ?? '';
      const secret = keys.get(accessKeyId) ?? 'nobody has this secret';
      const region = service === 's3' ? REGION : 'us-east-1';
      // Roles for a bucket are asked for in its region, others anywhere.
      const regions = service === 's3' ? [region] : [region, REGION];
      const problems = regions.map((each) =>
        signatureProblem({ method, url, headers, body }, { accessKeyId, secret, service, region: each }),
      );
      const token = headers['x-amz-security-token'];
      const isSession = accessKeyId.startsWith('ASIA');
      const problem = problems.includes(undefined)
        ? isSession !== (token === SESSION_TOKEN)
          ? 'the session token is another'
          : undefined
        : problems[0];
      if (problem !== undefined) {
        refused.push(problem);
        response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
      } else if (service === 's3') {
        const key = decodeURIComponent(url.slice(1));
        puts.push(key);
        objects.set(key, body);
        response.writeHead(200).end();
      } else {
        const { status, xml } = session(new URLSearchParams(body.toString()));
        response.writeHead(status, { 'content-type': 'text/xml' }).end(xml);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    account: ACCOUNT,
    roles,
    keys,
    names,
    objects,
    refused,
    puts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
