/** Whatever is sent: a status that the contract has, JSON, and nothing written when it was refused. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keycardOperations } from '../../../src/api/keycard/index.ts';
import type { KeycardApiParts } from '../../../src/api/keycard/parts.ts';
import { INSTALLATION } from '../../../src/domain/ports/store.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { createKeycardServer, signInAs } from './support.ts';

const DOCUMENTED = [200, 201, 204, 400, 401, 403, 404, 409, 413, 429];
const operations = keycardOperations({ services: {}, clock: {} } as unknown as KeycardApiParts);

/** Fields of any body of the API, with values that fit, nearly fit, or do not. */
const TEXTS = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '',
    ' ',
    'x',
    '\u0000',
    '<b>',
    'x'.repeat(256),
    'x'.repeat(3_000),
    'org_admin',
    'owner',
    'active',
    'a@b.test',
    'A@B.TEST',
    'ä@b.test',
    'https://x.test',
    '\ud800',
    '__proto__',
    '../..',
  ),
);
const VALUES: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: TEXTS },
  fc.constant(null),
  fc.jsonValue({ maxDepth: 3 }),
);
const NAMES = [
  'name',
  'description',
  'email',
  'role',
  'status',
  'identifier',
  'client_id',
  'client_secret',
  'protocols',
];
const PROTOCOLS = fc.record(
  {
    oauth2: fc.option(
      fc.dictionary(fc.constantFrom('jwks_uri', 'token_endpoint', 'scopes_supported', 'x'), VALUES),
    ),
    openid: fc.option(fc.dictionary(fc.constantFrom('userinfo_endpoint', 'external_id_claim', 'x'), VALUES)),
  },
  { requiredKeys: [] },
);
const BODIES = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .tuple(fc.dictionary(fc.constantFrom(...NAMES), VALUES), fc.option(PROTOCOLS, { nil: undefined }))
      .map(([fields, protocols]) =>
        JSON.stringify(protocols === undefined ? fields : { ...fields, protocols }),
      ),
  },
  fc.json({ maxDepth: 4 }),
  TEXTS,
  fc.constantFrom(
    '',
    '{',
    '[[[[',
    '{"name":"x","name":"y"}',
    '{"__proto__":{"name":"x"}}',
    'grant_type=client_credentials',
    `{"name":"${'x'.repeat(300_000)}"}`,
    '['.repeat(5_000),
  ),
);
const TYPES = fc.constantFrom(
  'application/json',
  'application/json; charset=utf-8',
  'application/x-www-form-urlencoded',
  'text/plain',
  'application/vnd.x+json',
  'x',
  '',
);
const QUERIES = fc
  .array(
    fc.tuple(
      fc.constantFrom('after', 'before', 'limit', 'expand', 'expand[]', 'role', 'scope', 'query[email]', 'x'),
      TEXTS,
    ),
    { maxLength: 4 },
  )
  .map((pairs) =>
    pairs
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value.toWellFormed())}`)
      .join('&'),
  );

describe.each(ENGINES)('Fuzzed requests on %s', (engine) => {
  let api: ApiServer;
  let token = '';
  /** Ids that lead somewhere, so that bodies are looked at. */
  let ids: string[] = [];
  beforeAll(async () => {
    api = await createKeycardServer(engine);
    token = await signInAs(api, api.owner);
    const post = async (path: string, body: object) =>
      (await api.call('POST', `/organizations/acme${path}`, { body, token })).json<{ id: string }>().id;
    const account = await post('/service-accounts', { name: 'a' });
    const { member } = await api.createMember({ ...api }, 'auditor', 'fuzzed');
    ids = [
      'acme',
      api.organization.nano,
      account,
      await post(`/service-accounts/${account}/credentials`, { name: 'c' }),
      await post('/invitations', { email: 'i@acme.test', role: 'org_member' }),
      member.nano,
      api.owner.nano,
      'x',
    ];
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const audited = async () =>
    Promise.all(
      [api.organization.id, INSTALLATION].map(async (org) => (await api.store.auditHead(org)).auditSeq),
    );

  test('get an answer of the contract, and leave nothing behind when they are refused', async () => {
    const parameter = fc.oneof({ weight: 6, arbitrary: fc.nat(7).map((at) => ({ at })) }, TEXTS);
    const request = fc.record({
      operation: fc.constantFrom(...operations),
      method: fc.option(fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE'), {
        nil: undefined,
        freq: 8,
      }),
      first: fc.oneof({ weight: 9, arbitrary: fc.constant({ at: 0 }) }, parameter),
      parameters: fc.array(parameter, { minLength: 2, maxLength: 2 }),
      query: QUERIES,
      body: BODIES,
      type: TYPES,
      credential: fc.option(TEXTS, { nil: undefined, freq: 12 }),
      name: fc.option(fc.oneof(fc.uuid(), TEXTS), { nil: undefined }),
    });
    const text = (one: string | { at: number }): string =>
      encodeURIComponent((typeof one === 'string' ? one : (ids[one.at] ?? 'x')).toWellFormed());
    await fc.assert(
      fc.asyncProperty(
        request,
        async ({ operation, method, first, parameters, query, body, type, credential, name }) => {
          const values = [first, ...parameters];
          const path = operation.path.replace(/:[A-Za-z]+/gu, () => text(values.shift() ?? 'x'));
          const asciiHeader = (value: string): string => value.replace(/[^\x20-\x7e]/gu, '');
          const before = await audited();
          const verb = method ?? operation.method;
          const answer = await api.call(verb, `${path}?${query}`, {
            token: null,
            ...(verb === 'GET' ? {} : { body }),
            headers: {
              authorization: `Bearer ${credential === undefined ? token : asciiHeader(credential)}`,
              ...(type === '' ? {} : { 'content-type': type }),
              ...(name === undefined ? {} : { 'x-client-request-id': asciiHeader(name) }),
            },
          });
          const said = `${verb} ${path} ${type}: ${answer.status} ${answer.text.slice(0, 200)}`;
          expect(DOCUMENTED, said).toContain(answer.status);
          if (answer.status === 204) expect(answer.text, said).toBe('');
          else expect(String(answer.headers['content-type']), said).toContain('application/json');
          if (answer.status < 400) return;
          expect(answer.json(), said).toMatchObject({
            status: answer.status,
            code: expect.any(String),
            message: expect.any(String),
          });
          expect(await audited(), said).toEqual(before);
        },
      ),
      { numRuns: engine === 'sqlite' ? 1_500 : 300, endOnFailure: true },
    );
  });
});
