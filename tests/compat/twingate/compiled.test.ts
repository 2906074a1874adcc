import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer, TestOrganization } from '../../support/api-server.ts';
import { createTwingateServer, type Gql, gid, gqlOf, type Seeded, seedOrganization } from './support.ts';
import { makeWide } from './wide-organization.ts';

/** A document that came so often is compiled. */
const USES = 4;

describe('a compiled document answers like an interpreted one', () => {
  let api: ApiServer;
  let gql: Gql;
  let acme: TestOrganization;
  let seeded: Seeded;
  let narrow: string;
  beforeAll(async () => {
    api = await createTwingateServer('sqlite');
    gql = gqlOf(api);
    acme = api;
    seeded = await seedOrganization(api);
    await makeWide(api, gql);
    narrow = await api.createToken(acme, api.owner, ['groups:read']);
  }, 60_000);
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  /** The first answer to a document is interpreted; a blank line makes another document of it. */
  const interpreted = (() => {
    let count = 0;
    return (query: string, variables?: Record<string, unknown>, token?: string) => {
      count += 1;
      return gql(`${query}${'\n'.repeat(count)}`, variables, token);
    };
  })();
  const agree = async (
    query: string,
    cases: readonly (Record<string, unknown> | undefined)[] = [undefined],
    token?: string,
  ) => {
    for (let use = 0; use < USES; use += 1) await gql(query, cases[0], token);
    for (const variables of cases) {
      expect(await gql(query, variables, token)).toEqual(await interpreted(query, variables, token));
    }
  };

  test('with directives whose variables change from use to use', () =>
    agree(
      `query($s: Boolean!, $i: Boolean = true) { users(first: 3) { totalCount @skip(if: $s) edges { ...F @include(if: $i) node { id ... @skip(if: $s) { email role } } } } }
       fragment F on UserEdge { cursor node { state @include(if: $i) } }`,
      [{ s: true }, { s: false }, { s: true, i: false }, { s: false, i: false }, {}],
    ));

  test('with aliases, fragments on interfaces and unions, and fields asked for twice', () =>
    agree(`{
      a: resources(first: 4) { edges { node { ...R } } } b: resources(last: 4) { edges { node { __typename ...R ... on SSHResource { gateway { address } upstream { port } } } } }
      certificateAuthorities { edges { node { __typename ... on X509CertificateAuthority { id name } ... on SSHCertificateAuthority { id name fingerprint } } } }
      a: resources(first: 4) { totalCount pageInfo { ...P } }
    }
    fragment R on Resource { id ... on Node { same: id } name ... on NetworkResource { routingMode } ... on WebAppResource { requestHeaderRewrites { key } }
      access { edges { node { __typename ... on Group { name users(first: 2) { totalCount } } ... on ServiceAccount { name keys { totalCount } } } } } }
    fragment P on PageInfo { hasNextPage hasPreviousPage startCursor endCursor }`));

  test('with pages whose bounds are variables', () =>
    agree(
      `query($first: Int, $last: Int, $after: String, $before: String, $filter: GroupFilterInput) { groups(first: $first, last: $last, after: $after, before: $before, filter: $filter) {
        totalCount pageInfo { hasNextPage hasPreviousPage } edges { cursor node { name users(first: $first, after: $after) { edges { node { email } } } } } } }`,
      [
        {},
        { first: 2 },
        { last: 2 },
        { first: 0 },
        { first: -1 },
        { first: 1_001 },
        { first: null, after: '0', before: '<nil>' },
        { first: 2, filter: { type: { in: ['SYSTEM'] }, name: null } },
        { first: 2, filter: { type: { in: 'MANUAL' } } },
        { filter: { name: { regexp: '(' } } },
        { filter: { name: { in: Array.from({ length: 301 }, String) } } },
      ],
    ));

  test('with variables that do not fit', () =>
    agree('query($id: ID!, $n: Int) { user(id: $id) { id } users(first: $n) { totalCount } }', [
      { id: gid('User', 1) },
      { id: 7, n: 1 },
      {},
      { id: null },
      { id: {}, n: 'x' },
      { id: 'x', n: 2.5 },
      { id: 'x', n: 3_000_000_000 },
      { id: ['x'] },
    ]));

  test('with things that are there, and that are not', () =>
    agree(
      'query($id: ID!) { resource(id: $id) { id access { edges { node { __typename } } } } group(id: $id) { id } }',
      [
        { id: gid('Resource', seeded.resources.database.id) },
        { id: gid('Group', seeded.groups.ops.id) },
        { id: 'nonsense' },
      ],
    ));

  test('where a part is refused', async () => {
    await agree('{ groups { edges { node { name users { totalCount } } } } }', undefined, narrow);
    await agree('{ group(id: "x") { name } groups { totalCount } users { totalCount } }', undefined, narrow);
    await agree('{ groups(first: 1) { edges { node { securityPolicy { name } } } } }', undefined, narrow);
  });

  test('about the schema itself', async () => {
    await agree(getIntrospectionQuery());
    await agree(
      '{ __typename __type(name: "Resource") { kind possibleTypes { name } fields { name args { name } } } }',
    );
  });
});
