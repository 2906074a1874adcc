/** External ids, and whether a role's trust policy asks for them: asked of a security token service that checks signatures. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAwsRoles } from '../../../src/jobs/outgoing/aws.ts';
import { createOutgoing, type Outgoing } from '../../../src/jobs/outgoing/exchange.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { type ApiServer, createApiServer } from '../../support/api-server.ts';
import { createFakeAws, type FakeAws } from '../../support/aws-services.ts';
import { createTailscaleServer, tailscaleDialect } from './support.ts';

const T = '/api/v2/tailnet/-';
const arn = (name: string): string => `arn:aws:iam::123456789012:role/${name}`;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u;

let aws: FakeAws;
let outgoing: Outgoing;
let api: ApiServer;
let externalId: string;

const newId = async (reusable: boolean, token = api.token): Promise<Record<string, string>> =>
  (await api.call('POST', `${T}/aws-external-id`, { body: { reusable }, token })).json();
const validate = async (id: string, roleArn: unknown, on = api) => {
  const path = `${T}/aws-external-id/${id}/validate-aws-trust-policy`;
  const answer = await on.call('POST', path, { body: { roleArn } });
  return { status: answer.status, message: answer.json<{ message?: string }>().message };
};

beforeAll(async () => {
  aws = await createFakeAws();
  outgoing = createOutgoing({ allowPrivate: true, userAgent: 'test' });
  const account = { ...aws.account, stsUrl: aws.url };
  const roles = createAwsRoles({ account, exchange: outgoing.exchange, clock: systemClock });
  api = await createApiServer('sqlite', tailscaleDialect(undefined, undefined, undefined, roles));
  externalId = (await newId(false)).externalId!;
});
afterAll(async () => {
  expect(api.failures).toEqual([]);
  await api.close();
  outgoing.close();
  await aws.close();
});

test('an id is a random UUID with the account that asks; a reusable one is the same each time', async () => {
  expect(await newId(false)).toEqual({
    externalId: expect.stringMatching(UUID),
    tailscaleAwsAccountId: expect.stringMatching(/^\d{12}$/u),
  });
  const [first, second, other] = [await newId(true), await newId(true), await newId(false)];
  expect(first).toEqual(second);
  expect(other.externalId).not.toBe(first?.externalId);
});

test('a reusable id is given out no more once a log stream writes under it', async () => {
  const first = (await newId(true)).externalId!;
  const stream = { destinationType: 's3', s3Bucket: 'b', s3Region: 'r', s3AuthenticationType: 'rolearn' };
  const put = (path: string) =>
    api.call('PUT', path, { body: { ...stream, s3RoleArn: arn('linked'), s3ExternalId: first } });
  expect((await put(`${T}/logging/network/stream`)).status).toBe(200);
  const second = (await newId(true)).externalId;
  expect(second).not.toBe(first);
  expect((await newId(true)).externalId).toBe(second);
  // The account behind it may have the other log as well.
  expect((await put(`${T}/logging/configuration/stream`)).status).toBe(200);
});

test('there is an end to making ids', async () => {
  const other = await createTailscaleServer('sqlite');
  const org = other.organization.id;
  const by = { kind: 'system', id: '', name: 'test' } as const;
  await other.store.write({ orgs: [org], by, origin: 'system', ids: 1_000 }, async (tx) => {
    for (let count = 0; count < 1_000; count += 1) {
      const id = tx.newId();
      await tx.insert('awsExternalId', { org, id, externalId: `id-${id}`, reusable: false, createdAt: 0 });
    }
    tx.audit(org, { verb: 'create', objectKind: 'awsExternalId', objectId: 0, objectName: 'many' });
  });
  const answer = await other.call('POST', `${T}/aws-external-id`, { body: { reusable: false } });
  expect([answer.status, answer.json()]).toEqual([
    413,
    { message: 'an organization has at most 1000 external ids' },
  ]);
  await other.close();
});

test('a role that lets us in with the id and only with it is good', async () => {
  aws.roles.push({ arn: arn('good'), externalId });
  expect(await validate(externalId, arn('good'))).toEqual({ status: 200, message: undefined });
  expect(aws.refused).toEqual([]);
});

test('a role that lets us in without the id is not', async () => {
  aws.roles.push({ arn: arn('open'), externalId: undefined });
  expect(await validate(externalId, arn('open'))).toEqual({
    status: 422,
    message: 'the role can be taken on without the external id',
  });
});

test('a role that lets us in with any id is not', async () => {
  aws.roles.push({ arn: arn('wild'), externalId: '*' });
  expect(await validate(externalId, arn('wild'))).toEqual({
    status: 422,
    message: 'the role can be taken on with another external id',
  });
});

test('a role that does not know the id, or is not there, is refused with the reason', async () => {
  aws.roles.push({ arn: arn('other'), externalId: 'another' });
  for (const name of ['other', 'nobody']) {
    const { status, message } = await validate(externalId, arn(name));
    expect([status, message]).toEqual([
      422,
      expect.stringContaining(`not authorized to perform: sts:AssumeRole`),
    ]);
  }
});

test("another organization's id is unknown, whatever the role", async () => {
  const rival = await api.createOrganization('rival');
  const theirs = await newId(true, rival.token);
  aws.roles.push({ arn: arn('theirs'), externalId: theirs.externalId });
  expect((await validate(theirs.externalId!, arn('theirs'))).status).toBe(404);
  expect((await validate('60fe9ce7-7791-4ab3-ab34-4294f5972725', arn('good'))).status).toBe(404);
});

test.each(['', 'arn:aws:iam::1:role/x', 'arn:aws:s3:::bucket', 7, null, undefined])(
  'a role named %s is a mistake of the request',
  async (roleArn) => {
    const { status, message } = await validate(externalId, roleArn);
    expect([status, message]).toEqual([400, expect.stringContaining('roleArn')]);
  },
);

test('a region that would name another host is not asked', async () => {
  const asked: string[] = [];
  const roles = createAwsRoles({
    account: { ...aws.account, stsUrl: undefined },
    exchange: async ({ url }) => {
      asked.push(url);
      return { status: 403, text: '' };
    },
    clock: systemClock,
  });
  const assume = (region: string) => roles.assume({ org: 7, roleArn: arn('good'), externalId, region });
  await assume('eu-central-1');
  await expect(assume('evil.example/x')).rejects.toThrow('region');
  expect(asked).toEqual(['https://sts.eu-central-1.amazonaws.com/']);
});

test('without an account nothing can be found out, and the answer says what to do', async () => {
  const bare = await createTailscaleServer('sqlite');
  const made = await bare.call('POST', `${T}/aws-external-id`, { body: { reusable: false } });
  const { externalId: id } = made.json<{ externalId: string }>();
  const { status, message } = await validate(id, arn('good'), bare);
  expect([status, message]).toEqual([422, expect.stringContaining('could not be found out')]);
  await bare.close();
});
