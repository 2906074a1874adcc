/** Streams of logs: what clients write, what they read back, and what is refused. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { createTailscaleServer } from './support.ts';

const T = '/api/v2/tailnet/-';
const CONFIGURATION = `${T}/logging/configuration/stream`;
const NETWORK = `${T}/logging/network/stream`;

/** As the Terraform provider sends them: its defaults are `user` "user" and `compressionFormat` "none". */
const PANTHER = {
  destinationType: 'panther',
  url: 'https://example.com',
  user: 'user',
  token: 'some-token',
  compressionFormat: 'none',
};
const S3_KEY = {
  destinationType: 's3',
  user: 'user',
  compressionFormat: 'zstd',
  uploadPeriodMinutes: 5,
  s3Bucket: 'example-bucket',
  s3Region: 'us-west-2',
  s3AuthenticationType: 'accesskey',
  s3AccessKeyId: 'example-access-key-id',
  s3SecretAccessKey: 'example-secret-access-key',
};
const S3_ROLE = {
  destinationType: 's3',
  s3Bucket: 'example-bucket',
  s3Region: 'us-west-2',
  s3KeyPrefix: 'logs/',
  s3AuthenticationType: 'rolearn',
  s3RoleArn: 'arn:aws:iam::123456789012:role/example-role',
};
const GCS = {
  destinationType: 'gcs',
  gcsBucket: 'example-bucket',
  gcsKeyPrefix: 'some-prefix',
  gcsScopes: ['scope1', 'scope2'],
  gcsCredentials: '{"type":"external_account"}',
};

describe.each(ENGINES)('log streams on %s', (engine) => {
  let api: ApiServer;
  const put = (path: string, body: object, token?: string) =>
    api.call('PUT', path, token === undefined ? { body } : { body, token });
  const get = async (path: string) => {
    const answer = await api.call('GET', path);
    return answer.status === 200 ? answer.json<Record<string, unknown>>() : answer.status;
  };
  const newExternalId = async (): Promise<string> => {
    const answer = await api.call('POST', `${T}/aws-external-id`, { body: { reusable: false } });
    return answer.json<{ externalId: string }>().externalId;
  };

  beforeAll(async () => {
    api = await createTailscaleServer(engine);
  });
  beforeEach(async () => {
    for (const path of [CONFIGURATION, NETWORK]) await api.call('DELETE', path);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  test('a stream is what was written without its secrets, and the two types of log are apart', async () => {
    const answer = await put(CONFIGURATION, PANTHER);
    expect([answer.status, answer.json()]).toEqual([200, {}]);
    const { token: _, ...shown } = PANTHER;
    expect(await get(CONFIGURATION)).toEqual({
      ...shown,
      logType: 'configuration',
      uploadPeriodMinutes: 0,
    });
    expect(await get(NETWORK)).toBe(404);
  });

  test('writing replaces the whole, so that nothing of the destination before is left', async () => {
    await put(NETWORK, S3_KEY);
    const { s3SecretAccessKey: _, ...shown } = S3_KEY;
    expect(await get(NETWORK)).toEqual({ ...shown, logType: 'network' });
    await put(NETWORK, { destinationType: 'datadog', url: 'https://example.com/other', token: 't' });
    expect(await get(NETWORK)).toEqual({
      logType: 'network',
      destinationType: 'datadog',
      url: 'https://example.com/other',
      uploadPeriodMinutes: 0,
      compressionFormat: 'none',
    });
  });

  test('a workload identity is shown in one form, however it was written', async () => {
    // From the provider's acceptance test: as its `jsonencode` writes it, and as it expects it back.
    const sent =
      '{"audience":"//iam.googleapis.com/projects/12345678/locations/global/workloadIdentityPools/test/providers/test",' +
      '"credential_source":{"environment_id":"aws1","imdsv2_session_token_url":"http://169.254.169.254/latest/api/token",' +
      '"region_url":"http://169.254.169.254/latest/meta-data/placement/availability-zone",' +
      '"regional_cred_verification_url":"https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",' +
      '"url":"http://169.254.169.254/latest/meta-data/iam/security-credentials"},' +
      '"service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/test@test.iam.gserviceaccount.com:generateAccessToken",' +
      '"subject_token_type":"urn:ietf:params:aws:token-type:aws4_request","token_url":"https://sts.googleapis.com/v1/token",' +
      '"type":"external_account","universe_domain":"googleapis.com"}';
    const expected =
      '{"universe_domain":"googleapis.com","type":"external_account",' +
      '"audience":"//iam.googleapis.com/projects/12345678/locations/global/workloadIdentityPools/test/providers/test",' +
      '"subject_token_type":"urn:ietf:params:aws:token-type:aws4_request",' +
      '"service_account_impersonation_url":"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/test@test.iam.gserviceaccount.com:generateAccessToken",' +
      '"token_url":"https://sts.googleapis.com/v1/token","credential_source":{"environment_id":"aws1",' +
      '"region_url":"http://169.254.169.254/latest/meta-data/placement/availability-zone",' +
      '"url":"http://169.254.169.254/latest/meta-data/iam/security-credentials",' +
      '"regional_cred_verification_url":"https://sts.{region}.amazonaws.com?Action=GetCallerIdentity\\u0026Version=2011-06-15",' +
      '"imdsv2_session_token_url":"http://169.254.169.254/latest/api/token"}}';
    for (const gcsCredentials of [sent, expected, JSON.stringify(JSON.parse(sent), null, 2)]) {
      expect((await put(NETWORK, { ...GCS, gcsCredentials })).status).toBe(200);
      expect(await get(NETWORK)).toMatchObject({ ...GCS, gcsCredentials: expected });
    }
  });

  test('fields of a workload identity that are not known here are kept, behind the known ones', async () => {
    const gcsCredentials =
      '{"workforce_pool_user_project":"p","type":"external_account","credential_source":{"file":"/t","url":"u"}}';
    await put(NETWORK, { ...GCS, gcsCredentials });
    expect(await get(NETWORK)).toMatchObject({
      gcsCredentials:
        '{"type":"external_account","credential_source":{"url":"u","file":"/t"},"workforce_pool_user_project":"p"}',
    });
  });

  test('a role is taken on only with an external id of the organization that writes', async () => {
    const s3ExternalId = await newExternalId();
    expect((await put(NETWORK, { ...S3_ROLE, s3ExternalId })).status).toBe(200);
    expect(await get(NETWORK)).toMatchObject({ ...S3_ROLE, s3ExternalId });

    const other = await api.createOrganization('elsewhere');
    const stolen = await put(NETWORK, { ...S3_ROLE, s3ExternalId }, other.token);
    expect([stolen.status, stolen.json()]).toEqual([
      400,
      { message: 's3ExternalId: not an external id of this organization' },
    ]);
  });

  test('a removed stream is gone, and removing it again says so', async () => {
    await put(CONFIGURATION, PANTHER);
    expect((await api.call('DELETE', CONFIGURATION)).status).toBe(200);
    expect(await get(CONFIGURATION)).toBe(404);
    expect((await api.call('DELETE', CONFIGURATION)).status).toBe(404);
  });

  test('another type of log is unknown', async () => {
    expect((await put(`${T}/logging/packets/stream`, PANTHER)).status).toBe(404);
    expect(await get(`${T}/logging/packets/stream`)).toBe(404);
  });

  test.each<readonly [string, object]>([
    ['destinationType', { ...PANTHER, destinationType: 'syslog' }],
    ['destinationType', { url: 'https://example.com' }],
    ['url', { ...PANTHER, url: '' }],
    ['url', { ...PANTHER, url: 'ftp://example.com' }],
    ['url', { ...PANTHER, url: 'https://user:secret@example.com' }],
    ['url', { ...PANTHER, url: `https://example.com/${'x'.repeat(2_000)}` }],
    ['token', { ...PANTHER, token: '' }],
    ['token', { ...PANTHER, token: 'x'.repeat(10_001) }],
    ['user', { ...PANTHER, destinationType: 'elastic', user: '' }],
    ['compressionFormat', { ...PANTHER, compressionFormat: 'lz4' }],
    ['uploadPeriodMinutes', { ...PANTHER, uploadPeriodMinutes: 1_441 }],
    ['uploadPeriodMinutes', { ...PANTHER, uploadPeriodMinutes: 0.5 }],
    ['s3Bucket', { ...S3_KEY, s3Bucket: '' }],
    ['s3Region', { ...S3_KEY, s3Region: '' }],
    // Each would name a host of its writer's choice.
    ['s3Region', { ...S3_KEY, s3Region: 'evil.example/x' }],
    ['s3Region', { ...S3_KEY, s3Region: 'us-west-2@evil.example' }],
    ['s3Bucket', { ...S3_KEY, s3Bucket: 'localhost/x' }],
    ['s3Bucket', { ...S3_KEY, s3Bucket: '../x' }],
    ['s3AuthenticationType', { ...S3_KEY, s3AuthenticationType: '' }],
    ['s3AuthenticationType', { ...S3_KEY, s3AuthenticationType: 'anonymous' }],
    ['s3AccessKeyId', { ...S3_KEY, s3AccessKeyId: '' }],
    ['s3SecretAccessKey', { ...S3_KEY, s3SecretAccessKey: '' }],
    ['s3ExternalId', S3_ROLE],
    ['s3RoleArn', { ...S3_ROLE, s3RoleArn: 'example-role', s3ExternalId: 'x' }],
    ['gcsBucket', { ...GCS, gcsBucket: '' }],
    ['gcsScopes', { ...GCS, gcsScopes: Array.from({ length: 101 }, () => 's') }],
    ['gcsCredentials', { ...GCS, gcsCredentials: 'no JSON' }],
    ['gcsCredentials', { ...GCS, gcsCredentials: '{"type":"service_account","private_key":"secret"}' }],
    ['gcsCredentials', { ...GCS, gcsCredentials: '{"type":"external_account","private_key":"secret"}' }],
    ['gcsCredentials', { ...GCS, gcsCredentials: '["external_account"]' }],
  ])('a wrong %s is refused by name, and nothing is written', async (field, body) => {
    const answer = await put(CONFIGURATION, body);
    expect([answer.status, answer.json<{ message: string }>().message]).toEqual([
      400,
      expect.stringContaining(field),
    ]);
    expect(answer.text).not.toContain('secret"');
    expect(await get(CONFIGURATION)).toBe(404);
  });

  test('a stream to a device of the network asks for the scopes to share devices and write the policy', async () => {
    const clientWith = async (scopes: readonly string[]): Promise<string> => {
      const made = await api.call('POST', `${T}/keys`, { body: { keyType: 'client', scopes } });
      const { id, key } = made.json<{ id: string; key: string }>();
      const form = new URLSearchParams({ client_id: id, client_secret: key }).toString();
      const token = await api.call('POST', '/api/v2/oauth/token', { body: form });
      return token.json<{ access_token: string }>().access_token;
    };
    const streaming = await clientWith(['log_streaming']);
    const whole = await clientWith(['log_streaming', 'device_invites', 'policy_file']);
    for (const host of ['100.64.0.7:8080', '[fd7a:115c:a1e0::7]:8080', '1681915911']) {
      const body = { ...PANTHER, url: `http://${host}/logs` };
      expect([host, (await put(CONFIGURATION, body, streaming)).status]).toEqual([host, 403]);
      expect([host, (await put(CONFIGURATION, body, whole)).status]).toEqual([host, 200]);
    }
    expect((await put(CONFIGURATION, PANTHER, streaming)).status).toBe(200);
  });

  test('writing and removing are in the configuration log, without secrets', async () => {
    const start = api.clock.now();
    await put(CONFIGURATION, PANTHER);
    await api.call('DELETE', CONFIGURATION);
    const iso = (ms: number): string => new Date(ms).toISOString();
    const log = await api.call(
      'GET',
      `${T}/logging/configuration?start=${iso(start)}&end=${iso(api.clock.now() + 1_000)}`,
    );
    expect(log.text).not.toContain('some-token');
    const { logs } = log.json<{ logs: { action: string; target: { id: string; property?: string } }[] }>();
    const ours = logs.filter(({ target }) => target.property === 'LOGSTREAM_ENDPOINT');
    expect(ours.map(({ action }) => action)).toEqual(expect.arrayContaining(['CREATE', 'DELETE']));
  });
});
