import fc from 'fast-check';
import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTwingateSchema } from '../../../src/api/twingate/schema.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { CA_PEM, SSH_KEY } from './certificates.ts';
import { createTwingateServer, type Gql, gqlOf, seedOrganization } from './support.ts';
import { makeWide } from './wide-organization.ts';

const schema = createTwingateSchema();
const TIMES = process.env.HOLDFAST_LONG === '1' ? 20 : 1;
const RUNS = { sqlite: 60 * TIMES, postgres: 15 * TIMES } as const;
const TIMEOUT_MS = 60_000 * TIMES;
const EVERY_ID = `{ users { edges { node { id } } } groups { edges { node { id } } } devices { edges { node { id } } } remoteNetworks { edges { node { id } } }
  connectors { edges { node { id } } } resources { edges { node { id } } } securityPolicies { edges { node { id } } } serviceAccounts { edges { node { id keys { edges { node { id } } } } } }
  accessRequests { edges { node { id } } } gateways { edges { node { id x509CA { id } sshCA { id } } } } serialNumbers { edges { node { id } } } dnsFilteringProfiles { id } }`;

const fieldsOf = (name: string): GraphQLField<unknown, unknown>[] =>
  Object.values((schema.getType(name) as GraphQLObjectType).getFields());

const idsIn = (value: unknown): string[] => {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'id' && typeof inner === 'string' ? [inner] : idsIn(inner),
  );
};

const anyText = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.string({ unit: 'grapheme', minLength: 250, maxLength: 300 }),
  fc.constantFrom(
    '',
    ' ',
    '0',
    '\u0000',
    '\ud800',
    '<nil>',
    "'; --",
    'a'.repeat(5_000),
    '\u202e',
    '(((',
    '*',
  ),
);
/** Texts that mean something somewhere, so that what is given also gets past the first check. */
const knownText = fc.constantFrom(
  ...['x.test', '10.0.0.1', '10.0.0.0/8', '10.0.0.1/8', '*.x.test', '::1', '100.96.0.1', 'gw.test:443'],
  ...[
    'someone@acme.test',
    'owner@acme.test',
    'Wide',
    'wide 1',
    'Default Policy',
    'Everyone',
    CA_PEM,
    SSH_KEY,
  ],
);
const anyTime = fc.constantFrom(
  ...['2030-01-01T00:00:00Z', '1970-01-01T00:00:00+14:00', '9999-12-31T23:59:59.999999999Z'],
  ...['0000-01-01T00:00:00Z', '2030-02-29T00:00:00Z'],
);

describe.each(ENGINES)('whatever is given to Twingate operations on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  let other: TestOrganization;
  let ids: readonly string[];
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    await seedOrganization(api);
    await makeWide(api, gql);
    other = await api.createOrganization('other');
    await seedOrganization(api, other.organization.id, other.owner.id);
    const own = await gql(EVERY_ID);
    const foreign = await gql(EVERY_ID, undefined, other.token);
    ids = [...idsIn(own.data), ...idsIn(foreign.data)];
    expect(ids.length).toBeGreaterThan(100);
  }, 60_000);
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const anyId = (): fc.Arbitrary<string> =>
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...ids) },
      { weight: 1, arbitrary: anyText },
      { weight: 1, arbitrary: anyText.map((text) => Buffer.from(text).toString('base64')) },
      {
        weight: 1,
        arbitrary: fc.maxSafeInteger().map((id) => Buffer.from(`Group:${id}`).toString('base64')),
      },
    );

  const anyOf = (type: GraphQLInputType): fc.Arbitrary<unknown> => {
    if (!isNonNullType(type)) return fc.option(requiredOf(type), { freq: 6 });
    return requiredOf(type.ofType);
  };
  const requiredOf = (type: GraphQLInputType): fc.Arbitrary<unknown> => {
    if (isListType(type)) return fc.array(anyOf(type.ofType), { maxLength: 4 });
    if (isEnumType(type)) return fc.constantFrom(...type.getValues().map(({ name }) => name));
    if (isInputObjectType(type)) return membersOf(Object.values(type.getFields()));
    switch (String(type)) {
      case 'ID':
        return anyId();
      case 'Boolean':
        return fc.boolean();
      case 'Int':
        return fc.oneof(fc.integer(), fc.integer({ min: -2, max: 400 }), fc.constantFrom(86_400, 3_600));
      case 'Float':
        return fc.double({ noNaN: true, noDefaultInfinity: true });
      case 'DateTime':
        return anyTime;
      default:
        return fc.oneof(anyText, knownText);
    }
  };
  const membersOf = (
    fields: readonly { readonly name: string; readonly type: GraphQLInputType }[],
  ): fc.Arbitrary<Record<string, unknown>> =>
    fc.record(Object.fromEntries(fields.map(({ name, type }) => [name, anyOf(type)])), {
      requiredKeys: fields.filter(({ type }) => isNonNullType(type)).map(({ name }) => name),
    });

  const documentOf = (root: 'query' | 'mutation', field: GraphQLField<unknown, unknown>): string => {
    const declared = field.args.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
    const given = field.args.map(({ name }) => `${name}: $${name}`).join(', ');
    const type = getNamedType(field.type);
    const names = isObjectType(type) ? Object.keys(type.getFields()) : [];
    const rows = names.includes('edges')
      ? '{ totalCount pageInfo { hasNextPage hasPreviousPage } edges { node { __typename } } }'
      : '{ __typename }';
    const payload = names.includes('entity') ? '{ ok error entity { __typename } }' : '{ ok error }';
    const body = names.includes('ok') ? payload : String(type) === 'String' ? '' : rows;
    const [variables, args] = field.args.length === 0 ? ['', ''] : [`(${declared})`, `(${given})`];
    return `${root}${variables} { it: ${field.name}${args} ${body} }`;
  };
  /** What each organization's chain of audit events ends with; when tokens were used last does not count. */
  const heads = async () => ({
    own: (await api.store.auditHead(api.organization.id)).auditHash,
    foreign: (await api.store.auditHead(other.organization.id)).auditHash,
  });
  const numRuns = RUNS[engine];

  test.each(fieldsOf('MutationsRoot').map((field) => [field.name, field] as const))(
    '%s does it whole, or says why it does nothing',
    async (_name, field) => {
      const document = documentOf('mutation', field);
      await fc.assert(
        fc.asyncProperty(membersOf(field.args), async (variables) => {
          const before = await heads();
          const { data, errors } = await gql(document, variables);
          const after = await heads();
          expect(after.foreign).toBe(before.foreign);
          // What a scalar does not take is told for the document, before anything ran.
          const outcome = errors === undefined ? data.it : { ok: false, error: errors[0]?.message };
          if (outcome.ok === true) expect(outcome.error).toBeNull();
          else {
            expect(outcome.error).toMatch(/./u);
            expect(outcome.error).not.toContain('internal');
            expect(after).toEqual(before);
          }
        }),
        { numRuns },
      );
    },
    TIMEOUT_MS,
  );

  test.each(fieldsOf('QueriesRoot').map((field) => [field.name, field] as const))(
    '%s answers, or names what is wrong',
    async (_name, field) => {
      const document = documentOf('query', field);
      await fc.assert(
        fc.asyncProperty(membersOf(field.args), async (variables) => {
          const { errors } = await gql(document, variables);
          for (const { message, extensions } of errors ?? []) {
            expect(extensions?.code ?? 'invalid', message).toMatch(/^(?:invalid|too_large)$/u);
          }
        }),
        { numRuns },
      );
    },
    TIMEOUT_MS,
  );

  test('values of another type than the schema’s are refused before anything runs', async () => {
    const fields = fieldsOf('MutationsRoot').filter(({ args }) => args.length > 0);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...fields),
        fc.jsonValue({ maxDepth: 2 }),
        fc.nat(),
        async (field, value, at) => {
          const arg = field.args[at % field.args.length];
          const type = String(arg?.type);
          // Texts, ids and lists of them take much; what is neither says so.
          fc.pre(!/^(?:String|ID|\[)/u.test(type) || typeof value === 'object');
          fc.pre(value !== null && (typeof value !== 'object' || !Array.isArray(value)));
          fc.pre(!(type.startsWith('Boolean') && typeof value === 'boolean'));
          fc.pre(!(/^(?:Int|Float)/u.test(type) && typeof value === 'number'));
          fc.pre(!/Input/u.test(type) || typeof value !== 'object');
          // A body that holds such a name is refused as a whole, with 400, before it is looked at as GraphQL.
          fc.pre(!JSON.stringify(value).includes('"__proto__"'));
          const before = await heads();
          const { data, errors } = await gql(documentOf('mutation', field), {
            [arg?.name ?? '']: value,
          });
          expect(data).toBeUndefined();
          expect(errors?.[0]?.message).toContain('Variable "$');
          expect(await heads()).toEqual(before);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('several at once: those that fail leave the others done', async () => {
    const calls = [
      'a: groupCreate(name: "batch a") { ok error }',
      'b: resourceDelete(id: "nonsense") { ok error }',
      'c: serialNumbersCreate(serialNumbers: ["\\u0000"]) { ok error }',
      'd: groupCreate(name: "") { ok error }',
      `e: userDelete(id: "${ids.find((id) => Buffer.from(id, 'base64').toString().startsWith('User:'))}") { ok error }`,
      'f: groupCreate(name: "batch f") { ok error }',
    ];
    const { data, errors } = await gql(`mutation { ${calls.join(' ')} }`);
    expect(errors).toBeUndefined();
    expect([data.a.ok, data.b.ok, data.c.ok, data.d.ok, data.f.ok]).toEqual([
      true,
      false,
      false,
      false,
      true,
    ]);
    const made = await gql('{ groups(filter: {name: {startsWith: "batch "}}) { totalCount } }');
    expect(made.data.groups.totalCount).toBe(2);
  });
});
