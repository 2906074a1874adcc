import {
  type GraphQLField,
  type GraphQLObjectType,
  getNamedType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTwingateSchema } from '../../../src/api/twingate/schema.ts';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { createTwingateServer, type Gql, gqlOf, seedOrganization } from './support.ts';
import { READ_GROUPS, READ_RESOURCES } from './terraform-documents.ts';
import { makeWide } from './wide-organization.ts';

const schema = createTwingateSchema();
/** As often as a document must come before it runs compiled. */
const UNTIL_COMPILED = 4;

/** Of the documents that are made here: the list, its field, and what is in that. */
const LEVELS = 3;

const namedType = (field: GraphQLField<unknown, unknown>) => getNamedType(field.type);
const fieldsOf = (name: string): GraphQLField<unknown, unknown>[] => {
  const type = schema.getType(name);
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [];
};

/** A selection of the field: what is in it two levels deep, so that whatever it loads is loaded. */
function select(field: GraphQLField<unknown, unknown>, depth: number): string {
  const type = namedType(field);
  if (isLeafType(type)) return field.name;
  if (isUnionType(type) || type.name === 'AccessEdge') return '';
  const inner = (name: string): string =>
    fieldsOf(name)
      .filter((one) => depth > 0 || isLeafType(namedType(one)))
      .map((one) => select(one, depth - 1))
      .join(' ');
  if (!type.name.endsWith('Connection')) return `${field.name} { ${inner(type.name)} }`;
  const edge = type.name.replace(/Connection$/u, 'Edge');
  const node = fieldsOf(edge).find(({ name }) => name === 'node');
  const nodeType = node === undefined ? undefined : namedType(node);
  const body =
    nodeType === undefined || isUnionType(nodeType)
      ? '__typename ... on Group { name } ... on ServiceAccount { name }'
      : inner(nodeType.name);
  return `${field.name}(first: 3) { totalCount edges { node { ${body} } } }`;
}

interface Case {
  readonly name: string;
  readonly document: string;
}

/** Every field that is a thing or a list of things, below every list of the root. */
const CASES: readonly Case[] = fieldsOf('QueriesRoot')
  .filter((root) => namedType(root).name.endsWith('Connection'))
  .flatMap((root) => {
    const nodeType = namedType(root).name.replace(/Connection$/u, '');
    const kinds = schema.getType(nodeType);
    const members = isUnionType(kinds) ? kinds.getTypes() : isObjectType(kinds) ? [kinds] : [];
    const types = isInterfaceType(kinds) ? [...schema.getPossibleTypes(kinds)] : members;
    return types.flatMap((type: GraphQLObjectType) =>
      Object.values(type.getFields())
        .filter((field) => !isLeafType(namedType(field)))
        .map((field) => ({
          name: `${root.name} > ${type.name}.${field.name}`,
          document: `query($n: Int) { ${root.name}(first: $n) { edges { node { ... on ${type.name} { ${select(field, 1)} } } } } }`,
        })),
    );
  });

describe.each(ENGINES)('Twingate questions to the store on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    await seedOrganization(api);
    await makeWide(api, gql);
  }, 60_000);
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const READS = ['get', 'list', 'find', 'listRelated', 'countRelated', 'count'] as const;
  const askedBy = async (work: () => Promise<{ readonly errors?: unknown }>): Promise<string[]> => {
    const asked: string[] = [];
    const { store } = api;
    const original = { ...store };
    for (const name of READS) {
      const call = original[name] as (...args: unknown[]) => unknown;
      (store as unknown as Record<string, unknown>)[name] = (kind: string, ...rest: unknown[]) => {
        asked.push(`${name} ${kind}`);
        return call(kind, ...rest);
      };
    }
    try {
      const { errors } = await work();
      expect(errors).toBeUndefined();
    } finally {
      Object.assign(store, original);
    }
    // A store that nobody asked was not the one that was watched.
    expect(asked).not.toEqual([]);
    return asked.sort();
  };

  test.each(CASES)(
    '$name asks the same, interpreted and compiled, however many there are',
    async ({ document }) => {
      const many = await askedBy(() => gql(document, { n: 100 }));
      const answer = await gql(document, { n: 100 });
      // A kind is asked for on no more levels than the document has; there are more things of it than that.
      const times = Map.groupBy(many, (one) => one);
      for (const [question, asked] of times)
        expect([question, asked.length <= LEVELS]).toEqual([question, true]);
      for (let use = 0; use < UNTIL_COMPILED; use += 1) {
        expect(await gql(document, { n: 100 })).toEqual(answer);
      }
      expect(await askedBy(() => gql(document, { n: 100 }))).toEqual(many);
    },
  );

  test.each(['interpreted', 'compiled'])(
    'the lists that a refresh reads ask once a level, %s',
    async (way) => {
      const uses = way === 'compiled' ? UNTIL_COMPILED : 0;
      const mark = `# ${way}\n`;
      const variables = { pageLimit: 100 };
      for (let use = 0; use < uses; use += 1) {
        await gql(mark + READ_RESOURCES, variables);
        await gql(mark + READ_GROUPS, variables);
      }
      expect(await askedBy(() => gql(mark + READ_RESOURCES, variables))).toEqual([
        'find resourceLabel',
        'find resourceTwingate',
        'list group',
        'list network',
        'list resource',
        // Policies of resources, and those of accesses: two levels.
        'list securityPolicy',
        'list serviceAccount',
        'listRelated accessEdge',
      ]);
      expect(await askedBy(() => gql(mark + READ_GROUPS, variables))).toEqual([
        'list group',
        // Everyone's members are no rows of a group.
        'list membership',
        'listRelated membership',
      ]);
    },
  );
});
