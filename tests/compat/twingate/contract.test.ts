import {
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
} from 'graphql';
import { beforeAll, describe, expect, test } from 'vitest';
import { MUTATIONS as MUTATION_FIELDS } from '../../../src/api/twingate/mutations/index.ts';
import { QUERIES as QUERY_FIELDS } from '../../../src/api/twingate/queries.ts';
import { OBJECT_REQUIREMENTS, subjectOf, VALUE_TYPES } from '../../../src/api/twingate/requirements.ts';
import { createTwingateSchema } from '../../../src/api/twingate/schema.ts';
import { ENUMS, INPUTS, MUTATIONS, OBJECTS, QUERIES } from './contract.ts';

let schema: GraphQLSchema;
beforeAll(() => {
  schema = createTwingateSchema();
});

const typeText = (type: GraphQLInputType, fallback: unknown): string =>
  `${String(type)}${Array.isArray(fallback) && fallback.length === 0 ? ' = []' : ''}`;
const argText = ({ name, type, defaultValue }: GraphQLArgument): string =>
  `${name}: ${typeText(type, defaultValue)}`;
const signatures = (type: GraphQLObjectType): string[] =>
  Object.values(type.getFields()).map(
    (field) =>
      `${field.name}${field.args.length === 0 ? '' : `(${field.args.map(argText).join(', ')})`}: ${String(field.type)}`,
  );

describe('the schema', () => {
  test('has every query and mutation of the contract, with its arguments', () => {
    expect(QUERIES).toHaveLength(28);
    expect(MUTATIONS).toHaveLength(56);
    const query = schema.getType('QueriesRoot');
    const mutation = schema.getType('MutationsRoot');
    expect(schema.getQueryType()).toBe(query);
    expect(schema.getMutationType()).toBe(mutation);
    if (!isObjectType(query) || !isObjectType(mutation)) throw new Error('no roots');
    expect(signatures(query).sort()).toEqual([...QUERIES].sort());
    const extensions = signatures(mutation).filter((one) => !MUTATIONS.includes(one));
    expect(MUTATIONS.filter((one) => !signatures(mutation).includes(one))).toEqual([]);
    expect(extensions.map((one) => one.split('(')[0])).toEqual(['securityPolicyCreate']);
  });

  test.each(OBJECTS.map((line) => [line.split(/[: ]/u)[0] ?? '', line]))('has the type %s', (name, line) => {
    const type = schema.getType(name);
    if (!isObjectType(type)) throw new Error(`${name} is no object type`);
    const fields = Object.values(type.getFields()).map((field) => `${field.name}: ${String(field.type)}`);
    const interfaces = type.getInterfaces().map(String);
    const text = `${name}${interfaces.length === 0 ? '' : ` implements ${interfaces.join(' & ')}`}: ${fields.join(' ')}`;
    expect(text).toBe(line);
  });

  test.each(ENUMS)('has the enum %s', (line) => {
    const [name = '', values = ''] = line.split(': ');
    const type = schema.getType(name);
    if (!isEnumType(type)) throw new Error(`${name} is no enum`);
    expect(
      type
        .getValues()
        .map((value) => value.name)
        .join(' '),
    ).toBe(values);
  });

  test.each(INPUTS.map((line) => [line.split(':')[0] ?? '', line]))('has the input %s', (name, line) => {
    const type = schema.getType(name);
    if (!isInputObjectType(type)) throw new Error(`${name} is no input`);
    const fields = Object.values(type.getFields()).map((field) => `${field.name}: ${String(field.type)}`);
    expect(`${name}: ${fields.join(' ')}`).toBe(line);
  });

  test('names each payload after its mutation', () => {
    const mutation = schema.getType('MutationsRoot');
    if (!isObjectType(mutation)) throw new Error('no mutations');
    for (const field of Object.values(mutation.getFields())) {
      const expected =
        field.name === 'userResetMfa'
          ? 'UserResetMFAMutation!'
          : `${field.name.charAt(0).toUpperCase()}${field.name.slice(1)}Mutation!`;
      expect(String(field.type)).toBe(expected);
    }
  });
});

describe('the tables of requirements', () => {
  test('declare every root field, and nothing else', () => {
    const fieldsOf = (name: string) => Object.keys((schema.getType(name) as GraphQLObjectType).getFields());
    expect(Object.keys(QUERY_FIELDS).sort()).toEqual(fieldsOf('QueriesRoot').sort());
    expect(Object.keys(MUTATION_FIELDS).sort()).toEqual(fieldsOf('MutationsRoot').sort());
    for (const { requires } of [...Object.values(QUERY_FIELDS), ...Object.values(MUTATION_FIELDS)]) {
      expect(requires).toBeTruthy();
      expect(requires).not.toBe('public');
    }
  });

  test('know every object type on the wire: as a thing with a permission, or as a part of one', () => {
    const unknown = Object.values(schema.getTypeMap())
      .filter((type) => (isObjectType(type) || isInterfaceType(type)) && !type.name.startsWith('__'))
      .map(({ name }) => name)
      .filter(
        (name) => !['QueriesRoot', 'MutationsRoot', 'Node'].includes(name) && !name.endsWith('Mutation'),
      )
      .filter((name) => !VALUE_TYPES.has(name) && OBJECT_REQUIREMENTS[subjectOf(name)] === undefined);
    expect(unknown).toEqual([]);
  });
});
