// Each destination in the form that its maker documents.
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Exchange } from '../../src/jobs/outgoing/exchange.ts';
import { SESSION_SECRET } from '../support/aws-services.ts';
import { signatureProblem } from '../support/aws-signature.ts';
import { until } from '../support/until.ts';
import { createStreamRig, linesOf, namesOf, type StreamRig, T } from './rig.ts';

let rig: StreamRig;
beforeEach(async () => {
  rig = await createStreamRig('sqlite');
});
afterEach(async () => {
  expect(rig.api.failures).toEqual([]);
  await rig.close();
});

/** Sets the stream, logs two entries, and gives the first request that comes. */
async function sent(fields: object) {
  expect((await rig.stream(fields)).status).toBe(200);
  const names = await rig.configure(2);
  rig.deliver();
  await until(() => rig.receiver.requests.length > 0, 'a request');
  return { names, request: rig.receiver.requests[0]! };
}
const events = (list: unknown): { readonly event: unknown }[] => list as { event: unknown }[];

describe('HTTP destinations', () => {
  test('Splunk: the event collector, with its own scheme of authorization', async () => {
    const { names, request } = await sent({ destinationType: 'splunk', url: rig.receiver.url });
    expect(request.path).toBe('/services/collector/event');
    expect(request.headers).toMatchObject({
      authorization: 'Splunk stream-token',
      'content-type': 'application/json',
    });
    expect(namesOf(linesOf(request.body))).toEqual(names);
  });

  test('Cribl: the HTTP source, with the bare token', async () => {
    const { names, request } = await sent({ destinationType: 'cribl', url: rig.receiver.url });
    expect([request.path, request.headers.authorization]).toEqual(['/cribl/_bulk', 'stream-token']);
    expect(namesOf(linesOf(request.body))).toEqual(names);
  });

  test('a path that was given is kept', async () => {
    const { request } = await sent({
      destinationType: 'splunk',
      url: `${rig.receiver.url}/services/collector?x=1`,
    });
    expect(request.path).toBe('/services/collector?x=1');
  });

  test('Datadog: a list with the key in a header of its own', async () => {
    const { names, request } = await sent({ destinationType: 'datadog', url: rig.receiver.url });
    expect([request.path, request.headers['dd-api-key']]).toEqual(['/api/v2/logs', 'stream-token']);
    expect(request.headers.authorization).toBeUndefined();
    const list = JSON.parse(request.body) as { ddsource: string; service: string; message: string }[];
    expect(list[0]).toMatchObject({ ddsource: 'holdfast', service: 'holdfast-configuration' });
    expect(namesOf(list.map(({ message }) => ({ event: JSON.parse(message) as unknown })))).toEqual(names);
  });

  test('Axiom: a list with the time in its own field', async () => {
    const { names, request } = await sent({
      destinationType: 'axiom',
      url: `${rig.receiver.url}/v1/datasets/net/ingest`,
    });
    expect([request.path, request.headers.authorization]).toEqual([
      '/v1/datasets/net/ingest',
      'Bearer stream-token',
    ]);
    const list = JSON.parse(request.body) as { _time: string; event: { eventTime: string } }[];
    expect(list[0]?._time).toBe(list[0]?.event.eventTime);
    expect(namesOf(list)).toEqual(names);
  });

  test('anything else over HTTP: lines of JSON with a bearer token', async () => {
    const { names, request } = await sent({ destinationType: 'http' });
    expect(request.headers).toMatchObject({
      authorization: 'Bearer stream-token',
      'content-type': 'application/x-ndjson',
    });
    expect(namesOf(linesOf(request.body))).toEqual(names);
  });
});

describe('Elastic', () => {
  const BULK = '/config-log-datastream/_bulk';
  const FIELDS = { destinationType: 'elastic', user: 'me' };
  const url = () => `${rig.receiver.url}/config-log-datastream`;
  const bulk = (body: string) => {
    const lines = body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    return {
      actions: lines.filter((_, index) => index % 2 === 0) as { create: { _id: string; _index?: string } }[],
      documents: lines.filter((_, index) => index % 2 === 1),
    };
  };

  test('the bulk API, with a password, and a number for each entry that is never used twice', async () => {
    rig.receiver.texts.set(BULK, '{"took":1,"errors":false,"items":[]}');
    const { names, request } = await sent({ ...FIELDS, url: url() });
    expect(request.path).toBe(BULK);
    const basic = Buffer.from('me:stream-token').toString('base64');
    expect(request.headers).toMatchObject({
      authorization: `Basic ${basic}`,
      'content-type': 'application/x-ndjson',
    });
    const { actions, documents } = bulk(request.body);
    expect(new Set(actions.map(({ create }) => create._id)).size).toBe(documents.length);
    expect(actions[0]).toEqual({ create: { _id: expect.stringMatching(/^\d+-configuration-\d+$/u) } });
    expect(documents[0]).toMatchObject({ '@timestamp': expect.stringMatching(/Z$/u) });
    expect(namesOf(events(documents))).toEqual(names);
    expect((await rig.status()).lastError).toBe('');
  });

  test('an index of its own where the URL names none', async () => {
    rig.receiver.texts.set('/_bulk', '{"took":1,"errors":false,"items":[]}');
    const { request } = await sent({ ...FIELDS, url: rig.receiver.url });
    expect(request.path).toBe('/_bulk');
    expect(bulk(request.body).actions[0]?.create._index).toBe('logs-holdfast.configuration-default');
  });

  test('an entry that is there already counts as arrived; one that is refused does not', async () => {
    const failed = (status: number, reason: string) =>
      JSON.stringify({
        took: 1,
        errors: true,
        items: [{ create: { status: 201 } }, { create: { status, error: { reason } } }],
      });
    rig.receiver.texts.set(BULK, failed(400, 'failed to parse field [event]'));
    await sent({ ...FIELDS, url: url() });
    await until(async () => (await rig.status()).lastError !== '', 'an error');
    expect(await rig.status()).toMatchObject({
      lastError: 'failed to parse field [event]',
      numEntriesSent: 0,
    });
    rig.receiver.texts.set(BULK, failed(409, 'document already exists'));
    await until(async () => (await rig.status()).lastError === '', 'a good status');
    expect(Number((await rig.status()).numEntriesSent)).toBeGreaterThan(0);
  });
});

describe('buckets', () => {
  const S3 = {
    destinationType: 's3',
    s3Bucket: 'logs.acme',
    s3Region: 'eu-central-1',
    s3KeyPrefix: 'net/',
    token: '',
  };
  const KEY = {
    ...S3,
    s3AuthenticationType: 'accesskey',
    s3AccessKeyId: 'AKIAUSER',
    s3SecretAccessKey: 'user/secret+',
  };
  const ARN = 'arn:aws:iam::123456789012:role/log-writer';
  const NAME =
    /^logs\.acme\/net\/configuration\/\d{4}\/\d\d\/\d\d\/\d\d-\d\d-\d\d-\d{12}\.json(?:\.zst|\.gz)?$/u;

  test('a bucket is written to with a signature of the whole request, under names that sort', async () => {
    rig.aws.keys.set('AKIAUSER', 'user/secret+');
    await rig.stream({ ...KEY, url: rig.aws.url });
    const names = await rig.configure(3);
    rig.deliver();
    await until(() => rig.aws.objects.size > 0 || rig.aws.refused.length > 0, 'an object');
    rig.api.clock.advance(2_000);
    const [later] = await rig.configure(1);
    await until(
      () => namesOf([...rig.aws.objects.values()].flatMap(linesOf)).includes(later!),
      'another object',
    );
    expect(rig.aws.refused).toEqual([]);
    const keys = [...rig.aws.objects.keys()];
    for (const key of keys) expect(key).toMatch(NAME);
    expect(keys.toSorted()).toEqual(keys);
    expect(namesOf([...rig.aws.objects.values()].flatMap(linesOf))).toEqual([...names, later]);
  });

  test('a batch that is written again replaces what it was', async () => {
    rig.aws.keys.set('AKIAUSER', 'user/secret+');
    await rig.stream({ ...KEY, url: rig.aws.url, compressionFormat: 'zstd' });
    const names = await rig.configure(3);
    const dying = rig.deliver({
      through: (exchange) => async (request, signal) => {
        await exchange(request, signal);
        throw new Error('gone');
      },
    });
    await until(() => rig.aws.puts.length > 0, 'an object');
    await dying.close();
    names.push(...(await rig.configure(2)));
    rig.deliver({ holder: 'two' });
    await until(async () => (await rig.status()).lastError === '', 'a good status');
    expect(rig.aws.puts.length).toBeGreaterThan(1);
    expect(rig.aws.objects.size).toBe(1);
    const [[key, body]] = [...rig.aws.objects] as [[string, Buffer]];
    expect(key).toMatch(NAME);
    expect(namesOf(linesOf(zstdDecompressSync(body)))).toEqual(names);
  });

  test('a wrong secret is refused by the bucket, and the status says so', async () => {
    rig.aws.keys.set('AKIAUSER', 'another secret');
    await rig.stream({ ...KEY, url: rig.aws.url });
    await rig.configure(1);
    rig.deliver();
    await until(async () => (await rig.status()).lastError !== '', 'an error');
    expect((await rig.status()).lastError).toBe('the destination answered 403');
    expect(rig.aws.refused[0]).toContain('the signature is not that of');
  });

  test('a role is taken on with the external id of the organization', async () => {
    const made = await rig.api.call('POST', `${T}/aws-external-id`, { body: { reusable: false } });
    const { externalId } = made.json<{ externalId: string }>();
    rig.aws.roles.push({ arn: ARN, externalId });
    const role = { ...S3, s3AuthenticationType: 'rolearn', s3RoleArn: ARN, s3ExternalId: externalId };
    expect((await rig.stream({ ...role, url: rig.aws.url })).status).toBe(200);
    const names = await rig.configure(2);
    rig.deliver();
    await until(() => rig.aws.objects.size > 0 || rig.aws.refused.length > 0, 'an object');
    expect(rig.aws.refused).toEqual([]);
    expect(namesOf([...rig.aws.objects.values()].flatMap(linesOf))).toEqual(names);
  });

  test.each([
    { externalId: undefined, how: 'without the external id' },
    { externalId: '*', how: 'with another external id' },
  ])('a role that lets in other organizations too ($how) is not used', async ({ externalId: asked, how }) => {
    const made = await rig.api.call('POST', `${T}/aws-external-id`, { body: { reusable: false } });
    const { externalId } = made.json<{ externalId: string }>();
    rig.aws.roles.push({ arn: ARN, externalId: asked });
    const role = { ...S3, s3AuthenticationType: 'rolearn', s3RoleArn: ARN, s3ExternalId: externalId };
    await rig.stream({ ...role, url: rig.aws.url });
    await rig.configure(1);
    rig.deliver();
    await until(async () => (await rig.status()).lastError !== '', 'an error');
    expect((await rig.status()).lastError).toContain(`the role can be taken on ${how}`);
    expect(rig.aws.objects.size).toBe(0);
  });

  test('a role is taken on under the name of the organization', async () => {
    const made = await rig.api.call('POST', `${T}/aws-external-id`, { body: { reusable: false } });
    const { externalId } = made.json<{ externalId: string }>();
    rig.aws.roles.push({ arn: ARN, externalId });
    const role = { ...S3, s3AuthenticationType: 'rolearn', s3RoleArn: ARN, s3ExternalId: externalId };
    await rig.stream({ ...role, url: rig.aws.url });
    await rig.configure(1);
    rig.deliver();
    await until(() => rig.aws.objects.size > 0, 'an object');
    expect([...rig.aws.names.values()]).toEqual([`holdfast-${rig.api.organization.id}`]);
  });

  test('a role that does not trust us is a sentence in the status', async () => {
    const made = await rig.api.call('POST', `${T}/aws-external-id`, { body: { reusable: false } });
    const { externalId } = made.json<{ externalId: string }>();
    rig.aws.roles.push({ arn: ARN, externalId: 'of somebody else' });
    await rig.stream({
      ...S3,
      url: rig.aws.url,
      s3AuthenticationType: 'rolearn',
      s3RoleArn: ARN,
      s3ExternalId: externalId,
    });
    await rig.configure(1);
    rig.deliver();
    await until(async () => (await rig.status()).lastError !== '', 'an error');
    expect((await rig.status()).lastError).toContain('the role cannot be taken on: User is not authorized');
    expect(rig.aws.objects.size).toBe(0);
  });

  describe('Google', () => {
    const AUDIENCE = '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/aws';
    const ACCOUNT =
      'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/w@x.iam.gserviceaccount.com:generateAccessToken';
    const CREDENTIALS = {
      type: 'external_account',
      audience: AUDIENCE,
      subject_token_type: 'urn:ietf:params:aws:token-type:aws4_request',
      token_url: 'https://sts.googleapis.com/v1/token',
    };
    const own = (): string => `holdfast-${rig.api.organization.id}`;
    const set = (credentials: object) =>
      rig.stream({
        destinationType: 'gcs',
        url: '',
        gcsBucket: 'b',
        gcsKeyPrefix: 'p/',
        gcsCredentials: JSON.stringify(credentials),
      });

    interface Upload {
      readonly host: string;
      readonly path: string;
      readonly authorization: string | undefined;
      readonly body: string;
    }

    /** Google, which checks what it is asked, with the conditions that somebody set there. */
    const google = (letsIn: {
      readonly pool: (name: string) => boolean;
      readonly account?: (name: string) => boolean;
      readonly poolRefusal?: number;
    }) => {
      const uploads: Upload[] = [];
      const answer = (status: number, body: unknown) => ({ status, text: JSON.stringify(body) });
      const through =
        (exchange: Exchange): Exchange =>
        async (request, signal) => {
          const { url, headers, body } = request;
          const { host, pathname, searchParams } = new URL(url);
          if (!host.endsWith('.googleapis.com')) return exchange(request, signal);
          if (host === 'sts.googleapis.com') {
            const question = JSON.parse(body.toString()) as Record<string, string>;
            const name = whoAsks(question);
            return letsIn.pool(name)
              ? answer(200, { access_token: `federated ${name}`, expires_in: 3_600 })
              : answer(letsIn.poolRefusal ?? 401, { error: 'unauthorized_client' });
          }
          const token = headers.authorization ?? '';
          if (host === 'iamcredentials.googleapis.com') {
            const name = token.replace('Bearer federated ', '');
            const expireTime = new Date(Date.now() + 3_600_000).toISOString();
            return (letsIn.account ?? letsIn.pool)(name)
              ? answer(200, { accessToken: `impersonated ${name}`, expireTime })
              : answer(403, { error: { status: 'PERMISSION_DENIED' } });
          }
          uploads.push({
            host,
            path: `${pathname}?${searchParams.get('name') ?? ''}`,
            authorization: headers.authorization,
            body: body.toString(),
          });
          return answer(200, {});
        };
      return { uploads, through };
    };

    /** Asks AWS what Google is given to ask, and gives the name that it would answer. */
    function whoAsks(question: Readonly<Record<string, string>>): string {
      expect(question).toMatchObject({
        audience: AUDIENCE,
        grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
      });
      const proof = JSON.parse(decodeURIComponent(question.subjectToken!)) as {
        url: string;
        method: string;
        headers: { key: string; value: string }[];
      };
      expect([proof.method, proof.url]).toEqual([
        'POST',
        'https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15',
      ]);
      const headers = Object.fromEntries(proof.headers.map(({ key, value }) => [key.toLowerCase(), value]));
      expect(headers).toMatchObject({
        'x-goog-cloud-target-resource': AUDIENCE,
        'x-amz-security-token': 'session-token',
      });
      const accessKeyId = /Credential=([^/]+)/u.exec(headers.authorization ?? '')?.[1] ?? '';
      expect(
        signatureProblem(
          {
            method: 'POST',
            url: '/?Action=GetCallerIdentity&Version=2011-06-15',
            headers,
            body: Buffer.alloc(0),
          },
          { accessKeyId, secret: SESSION_SECRET, service: 'sts', region: 'us-east-1' },
        ),
      ).toBeUndefined();
      return rig.aws.names.get(accessKeyId) ?? 'the account itself';
    }

    test("the organization's name at AWS is exchanged for a token, that for a service account, and the bucket is written to", async () => {
      expect((await set({ ...CREDENTIALS, service_account_impersonation_url: ACCOUNT })).status).toBe(200);
      const names = await rig.configure(2);
      const { uploads, through } = google({ pool: () => true, account: (name) => name === own() });
      rig.deliver({ through });
      await until(() => uploads.length > 0, 'an upload');
      const [upload] = uploads;
      expect([upload!.host, upload!.authorization]).toEqual([
        'storage.googleapis.com',
        `Bearer impersonated ${own()}`,
      ]);
      expect(upload!.path).toMatch(/^\/upload\/storage\/v1\/b\/b\/o\?p\/configuration\/.*\.json$/u);
      expect(namesOf(linesOf(upload!.body))).toEqual(names);
      expect(rig.aws.refused).toEqual([]);
    });

    test('a bucket that is open to the pool itself is written to without a service account', async () => {
      await set(CREDENTIALS);
      await rig.configure(1);
      const { uploads, through } = google({ pool: (name) => name === own() });
      rig.deliver({ through });
      await until(() => uploads.length > 0, 'an upload');
      expect(uploads[0]!.authorization).toBe(`Bearer federated ${own()}`);
    });

    test.each([
      {
        what: 'a service account',
        credentials: { ...CREDENTIALS, service_account_impersonation_url: ACCOUNT },
      },
      { what: 'a pool', credentials: CREDENTIALS },
    ])('$what that lets in every organization of the installation is not used', async ({ credentials }) => {
      await set(credentials);
      await rig.configure(1);
      const { uploads, through } = google({ pool: () => true });
      rig.deliver({ through });
      await until(async () => (await rig.status()).lastError !== '', 'an error');
      expect((await rig.status()).lastError).toContain(
        `grant access to arn:aws:sts::111122223333:federated-user/${own()} alone`,
      );
      expect(uploads).toEqual([]);
    });

    test("another organization's bucket is not reached, whatever a stream names", async () => {
      const rival = await rig.api.createOrganization('rival');
      await set({ ...CREDENTIALS, service_account_impersonation_url: ACCOUNT });
      await rig.configure(1);
      const { uploads, through } = google({
        pool: () => true,
        account: (name) => name === `holdfast-${rival.organization.id}`,
      });
      rig.deliver({ through });
      await until(async () => (await rig.status()).lastError !== '', 'an error');
      const { lastError } = await rig.status();
      expect(lastError).toContain('answered 403');
      expect(lastError).toContain(`arn:aws:sts::111122223333:federated-user/${own()}`);
      expect(uploads).toEqual([]);
    });

    test('what cannot be found out is no yes', async () => {
      await set(CREDENTIALS);
      await rig.configure(1);
      const { uploads, through } = google({ pool: (name) => name === own(), poolRefusal: 503 });
      rig.deliver({ through });
      await until(async () => (await rig.status()).lastError !== '', 'an error');
      expect((await rig.status()).lastError).toContain('answered 503');
      expect(uploads).toEqual([]);
    });
  });

  test.each([
    'https://googleapis.com.evil.test/v1/token',
    'https://storage.googleapis.com/upload/storage/v1/b/open/o?uploadType=media&name=x',
    'https://sts.storage.googleapis.com/x',
    'https://sts.googleapis.com:8443/v1/token',
    'http://sts.googleapis.com/v1/token',
  ])('proofs of who we are go to Google’s own service alone, and not to %s', async (token_url) => {
    const gcsCredentials = JSON.stringify({
      ...{
        type: 'external_account',
        audience: 'a',
        subject_token_type: 'urn:ietf:params:aws:token-type:aws4_request',
      },
      token_url,
    });
    await rig.stream({ destinationType: 'gcs', url: '', gcsBucket: 'b', gcsCredentials });
    await rig.configure(1);
    let asked = 0;
    rig.deliver({
      through: () => async () => {
        asked += 1;
        return { status: 200, text: '{}' };
      },
    });
    await until(async () => (await rig.status()).lastError !== '', 'an error');
    expect((await rig.status()).lastError).toContain('token_url');
    expect(asked).toBe(0);
  });
});
