import {
  type GraphQLArgument,
  type GraphQLInputType,
  type GraphQLObjectType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MUTATIONS } from '../../../src/api/twingate/mutations/index.ts';
import { QUERIES } from '../../../src/api/twingate/queries.ts';
import { createTwingateSchema } from '../../../src/api/twingate/schema.ts';
import { ROLES, type Role } from '../../../src/domain/model/people.ts';
import { type ApiServer, ENGINES, type TestOrganization } from '../../support/api-server.ts';
import { createTwingateServer, type Gql, gid, gqlOf, type Seeded, seedOrganization } from './support.ts';

// What each role may read here, from the roles of the product and the role that Twingate shows for each.
const READERS: Readonly<Record<string, readonly Role[]>> = {
  everything: ['owner', 'admin', 'it-admin', 'network-admin', 'support', 'billing-admin', 'auditor'],
  reviewer: ['access-reviewer'],
};
const REVIEWABLE = [
  'users',
  'user',
  'groups',
  'group',
  'remoteNetworks',
  'remoteNetwork',
  'connectors',
  'connector',
  'resources',
  'resource',
  'securityPolicies',
  'securityPolicy',
  'accessRequests',
  'accessRequest',
  'gateways',
  'gateway',
  'certificateAuthorities',
  'certificateAuthority',
];

const schema = createTwingateSchema();

/** A literal for an argument, with ids of the type that the field is about. */
function literal(type: GraphQLInputType, name: string, id: (name: string) => string): string {
  if (isNonNullType(type)) return literal(type.ofType, name, id);
  if (isListType(type)) return `[${literal(type.ofType, name, id)}]`;
  if (isEnumType(type)) return type.getValues()[0]?.name ?? 'null';
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter((field) => isNonNullType(field.type));
    return `{${fields.map((field) => `${field.name}: ${literal(field.type, field.name, id)}`).join(', ')}}`;
  }
  switch (type.name) {
    case 'ID':
      return JSON.stringify(id(name));
    case 'Boolean':
      return 'true';
    case 'Int':
      return '1';
    case 'Float':
      return '1.5';
    case 'DateTime':
      return '"2030-01-01T00:00:00Z"';
    default:
      return JSON.stringify(`swap-${name}`);
  }
}

const argsText = (args: readonly GraphQLArgument[], id: (name: string) => string, all = false): string => {
  const given = args.filter((arg) => all || isNonNullType(arg.type) || arg.name === 'id');
  return given.length === 0
    ? ''
    : `(${given.map((arg) => `${arg.name}: ${literal(arg.type, arg.name, id)}`).join(', ')})`;
};

const selection = (type: ReturnType<typeof getNamedType>): string =>
  isObjectType(type) || isInterfaceType(type) || isUnionType(type) ? ' { __typename }' : '';

const rootFields = (name: string) => Object.values((schema.getType(name) as GraphQLObjectType).getFields());

/** The prefix of the ids that an argument or a single-object field wants. */
const ID_TYPES: Readonly<Record<string, string>> = {
  connectorId: 'Connector',
  remoteNetworkId: 'RemoteNetwork',
  gatewayId: 'Gateway',
  x509CAId: 'X509CertificateAuthority',
  sshCAId: 'SSHCertificateAuthority',
  resourceId: 'Resource',
  resourceIds: 'Resource',
  principalId: 'Group',
  principalIds: 'Group',
  serviceAccountId: 'ServiceAccount',
  userIds: 'User',
  groupIds: 'Group',
  securityPolicyId: 'SecurityPolicy',
};
const SUBJECTS: readonly (readonly [RegExp, string])[] = [
  [/^connector/u, 'Connector'],
  [/^remoteNetwork/u, 'RemoteNetwork'],
  [/^(?:resource|kubernetes|ssh(?!Cert)|webApp)/u, 'Resource'],
  [/^gateway/u, 'Gateway'],
  [/^x509/u, 'X509CertificateAuthority'],
  [/^(?:sshCert|certificate)/u, 'SSHCertificateAuthority'],
  [/^group/u, 'Group'],
  [/^securityPolicy/u, 'SecurityPolicy'],
  [/^serviceAccountKey/u, 'ServiceAccountKey'],
  [/^serviceAccount/u, 'ServiceAccount'],
  [/^user/u, 'User'],
  [/^device/u, 'Device'],
  [/^accessRequest/u, 'AccessRequest'],
  [/^dns/u, 'DnsFilteringProfile'],
];
const idType = (field: string, argument: string): string =>
  ID_TYPES[argument] ?? SUBJECTS.find(([pattern]) => pattern.test(field))?.[1] ?? 'User';

describe.each(ENGINES)('who may do what over Twingate, on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  let acme: TestOrganization;
  let other: TestOrganization;
  let foreign: Seeded;
  let tokens: ReadonlyMap<Role, string>;
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    acme = api;
    await seedOrganization(api);
    other = await api.createOrganization('other');
    foreign = await seedOrganization(api, other.organization.id, other.owner.id);
    tokens = await api.createRoles();
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });
  const foreignId = (field: string) => (argument: string) => {
    const type = idType(field, argument);
    const ids: Readonly<Record<string, number>> = {
      User: foreign.people.anna.id,
      Group: foreign.groups.ops.id,
      Device: foreign.devices.laptop?.id ?? 0,
      RemoteNetwork: foreign.networks.prod.id,
      Connector: foreign.gateways.alive.id,
      Resource: foreign.resources.database.id,
      ServiceAccount: foreign.robot.id,
      Gateway: foreign.proxied.proxy.id,
      X509CertificateAuthority: foreign.proxied.x509.id,
      SSHCertificateAuthority: foreign.proxied.ssh.id,
      DnsFilteringProfile: foreign.profile.id,
      AccessRequest: foreign.request.id,
      SecurityPolicy: foreign.policy.id,
    };
    return gid(type, ids[type] ?? 999_999);
  };

  test.each(Object.keys(QUERIES))(
    'query %s answers those whose role reads it, and refuses the others',
    async (name) => {
      const field = rootFields('QueriesRoot').find((one) => one.name === name);
      if (field === undefined) throw new Error(name);
      const document = `{ ${name}${argsText(field.args, () => 'x')}${selection(getNamedType(field.type))} }`;
      for (const role of ROLES) {
        const { errors } = await gql(document, undefined, tokens.get(role));
        const refused = (errors ?? []).some(({ extensions }) => extensions?.code === 'forbidden');
        const allowed =
          READERS.everything?.includes(role) === true ||
          (role === 'access-reviewer' && REVIEWABLE.includes(name));
        expect([role, refused], JSON.stringify(errors)).toEqual([role, !allowed]);
      }
    },
  );

  test.each(Object.keys(MUTATIONS))('mutation %s is refused to roles that only read', async (name) => {
    const field = rootFields('MutationsRoot').find((one) => one.name === name);
    if (field === undefined) throw new Error(name);
    const document = `mutation { ${name}${argsText(field.args, () => 'x')} { ok error } }`;
    const readers: Role[] = ['support', 'auditor', 'billing-admin', 'member', 'device-user'];
    if (!name.startsWith('accessRequest')) readers.push('access-reviewer');
    for (const role of readers) {
      const { data, errors } = await gql(document, undefined, tokens.get(role));
      expect(errors).toBeUndefined();
      // Any member may be an approver of some resource: those of others do not exist for them.
      const why = name.startsWith('accessRequest') ? /permission|does not exist/u : /permission/u;
      expect(data[name]).toEqual({ ok: false, error: expect.stringMatching(why) });
    }
  });

  test.each(
    rootFields('QueriesRoot')
      .filter(({ args }) => args.some(({ name }) => name === 'id'))
      .map(({ name }) => name),
  )('query %s does not find a thing of another organization', async (name) => {
    const field = rootFields('QueriesRoot').find((one) => one.name === name);
    if (field === undefined) throw new Error(name);
    const { data } = await gql(
      `{ ${name}(id: ${JSON.stringify(foreignId(name)('id'))})${selection(getNamedType(field.type))} }`,
    );
    expect(data?.[name] ?? null).toBeNull();
  });

  test('lists hold nothing of another organization', async () => {
    const text = JSON.stringify(
      await gql(`{ users { edges { node { email groups { edges { node { id } } } } } } groups { edges { node { id users { edges { node { email } } } } } }
        devices { edges { node { id } } } gateways { edges { node { id } } } certificateAuthorities { edges { node { ... on X509CertificateAuthority { id } ... on SSHCertificateAuthority { id } } } }
        dnsFilteringProfiles { id } accessRequests { edges { node { id } } } securityPolicies { edges { node { id } } } resources { edges { node { id access { edges { node { ... on Group { id } } } } } } } connectors { edges { node { id } } }
        remoteNetworks { edges { node { id } } } serviceAccounts { edges { node { id } } } }`),
    );
    for (const id of [
      foreignId('user')('id'),
      foreignId('group')('id'),
      foreignId('device')('id'),
      foreignId('resource')('id'),
      foreignId('connector')('id'),
      foreignId('remoteNetwork')('id'),
      foreignId('serviceAccount')('id'),
      foreignId('gateway')('id'),
      foreignId('x509')('id'),
      foreignId('sshCertificateAuthority')('id'),
      foreignId('dns')('id'),
      foreignId('accessRequest')('id'),
      foreignId('securityPolicy')('id'),
    ]) {
      expect(text).not.toContain(id);
    }
    expect(text).not.toContain('other.test');
  });

  test.each(Object.keys(MUTATIONS))('mutation %s changes nothing of another organization', async (name) => {
    const field = rootFields('MutationsRoot').find((one) => one.name === name);
    if (field === undefined) throw new Error(name);
    const before = await api.store.auditHead(other.organization.id);
    const { data, errors } = await gql(
      `mutation { ${name}${argsText(field.args, foreignId(name), true)} { ok error } }`,
    );
    const outcome = errors?.[0]?.extensions?.code ?? data?.[name];
    if (typeof outcome === 'object' && outcome.ok === true) {
      // Only a thing of one's own can have been made: no argument of it was an id.
      expect(field.args.some(({ type }) => getNamedType(type).name === 'ID')).toBe(false);
    }
    expect(await api.store.auditHead(other.organization.id)).toEqual(before);
  });

  test('a scope narrows what a role may read', async () => {
    const token = await api.createToken(acme, api.owner, ['groups:read']);
    const { data, errors } = await gql(
      '{ groups { edges { node { name users { totalCount } } } } }',
      undefined,
      token,
    );
    expect(errors?.[0]).toMatchObject({
      path: ['groups', 'edges', 0, 'node', 'users'],
      extensions: { code: 'forbidden' },
    });
    expect(data).toBeNull();
    const allowed = await gql('{ groups { edges { node { name } } } }', undefined, token);
    expect(allowed.errors).toBeUndefined();
  });

  test('each role reads as its own name', async () => {
    const { data } = await gql('{ users(first: 100) { edges { node { email role isAdmin } } } }');
    const byEmail = new Map(
      data.users.edges.map(({ node }: { node: { email: string } }) => [node.email, node]),
    );
    const EXPECTED: Readonly<Record<Role, string>> = {
      owner: 'ADMIN',
      admin: 'ADMIN',
      'it-admin': 'ADMIN',
      'network-admin': 'DEVOPS',
      support: 'SUPPORT',
      auditor: 'SUPPORT',
      'access-reviewer': 'ACCESS_REVIEWER',
      'billing-admin': 'MEMBER',
      member: 'MEMBER',
      'device-user': 'MEMBER',
    };
    for (const role of ROLES) {
      expect(byEmail.get(`${role}@acme.test`)).toMatchObject({
        role: EXPECTED[role],
        isAdmin: EXPECTED[role] === 'ADMIN',
      });
    }
  });
});
