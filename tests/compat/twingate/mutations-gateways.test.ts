import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, ENGINES } from '../../support/api-server.ts';
import { CA_FINGERPRINT, CA_PEM, LEAF_PEM, SSH_FINGERPRINT, SSH_KEY } from './certificates.ts';
import {
  createTwingateServer,
  type Gql,
  gid,
  gqlOf,
  mutationOf,
  type RunMutation,
  refused,
  type Seeded,
  seedOrganization,
} from './support.ts';

describe.each(ENGINES)('Twingate gateways and what stands behind them on %s', (engine) => {
  let api: ApiServer;
  let gql: Gql;
  let run: RunMutation;
  let seeded: Seeded;
  let net: string;
  let lab: string;
  let counter = 0;
  beforeAll(async () => {
    api = await createTwingateServer(engine);
    gql = gqlOf(api);
    run = mutationOf(gql);
    seeded = await seedOrganization(api);
    net = gid('RemoteNetwork', seeded.networks.prod.id);
    lab = gid('RemoteNetwork', seeded.networks.lab.id);
  });
  afterAll(async () => {
    expect(api.failures).toEqual([]);
    await api.close();
  });

  const AUTHORITY = 'ok error entity { __typename id name fingerprint }';
  const x509 = (name: string, text = CA_PEM) =>
    run(`x509CertificateAuthorityCreate(name: "${name}", certificate: $text)`, AUTHORITY, { text });
  const ssh = (name: string, text = SSH_KEY) =>
    run(`sshCertificateAuthorityCreate(name: "${name}", publicKey: $text)`, AUTHORITY, { text });
  const fresh = (): string => {
    counter += 1;
    return `authority ${counter}`;
  };
  const GATEWAY = 'ok error entity { id address remoteNetwork { id } x509CA { id } sshCA { id } }';
  const makeGateway = async (network = net): Promise<string> => {
    const { entity } = await x509(fresh());
    return (
      await run(
        `gatewayCreate(address: "10.0.0.1:8080", remoteNetworkId: "${network}", x509CAId: "${entity.id}")`,
        GATEWAY,
      )
    ).entity.id;
  };

  describe('certificate authorities', () => {
    const READ = `query($id: ID!) { certificateAuthority(id: $id) { __typename
      ... on X509CertificateAuthority { id name fingerprint } ... on SSHCertificateAuthority { id name fingerprint } } }`;

    test('are made of a certificate or a public key, and show the fingerprint that others compute', async () => {
      const made = await x509('prod x509');
      expect(made).toEqual({
        ok: true,
        error: null,
        entity: {
          __typename: 'X509CertificateAuthority',
          id: expect.any(String),
          name: 'prod x509',
          fingerprint: CA_FINGERPRINT,
        },
      });
      expect((await gql(READ, { id: made.entity.id })).data.certificateAuthority).toEqual(made.entity);
      const key = await ssh('prod ssh');
      expect(key.entity).toMatchObject({
        __typename: 'SSHCertificateAuthority',
        fingerprint: SSH_FINGERPRINT,
      });
      expect((await gql(READ, { id: key.entity.id })).data.certificateAuthority).toEqual(key.entity);
      expect(await x509('prod x509')).toMatchObject(refused('already exists'));
      // A name is its own in its kind.
      expect(await ssh('prod x509')).toMatchObject({ ok: true });
    });

    test.each([
      ['nothing', ''],
      ['other text', 'certificate'],
      ['a certificate of no authority', LEAF_PEM],
      ['two certificates', `${CA_PEM}\n${CA_PEM}`],
      ['a broken certificate', CA_PEM.replace('MIIB', 'MIIC')],
      ['a key', CA_PEM.replaceAll('CERTIFICATE', 'PRIVATE KEY')],
      ['too much', `${CA_PEM}${' '.repeat(40_000)}x`],
    ])('are not made of %s', async (_name, text) => {
      expect(await x509(fresh(), text)).toMatchObject(refused('^certificate must'));
    });

    test.each([
      ['nothing', ''],
      ['a key without its kind', SSH_KEY.split(' ')[1] ?? ''],
      ['a key of another kind than it says', SSH_KEY.replace('ssh-ed25519', 'ssh-rsa')],
      ['a kind that is none', SSH_KEY.replace('ssh-ed25519', 'ssh-none')],
      ['two keys', `${SSH_KEY}\n${SSH_KEY}`],
      ['a key with a stray letter', SSH_KEY.replace('AAAAC3', 'AAAAC3!')],
      ['a cut key', SSH_KEY.slice(0, 30)],
    ])('of SSH are not made of %s', async (_name, text) => {
      expect(await ssh(fresh(), text)).toMatchObject(refused('^publicKey must'));
    });

    test('are deleted as what they are, once no gateway uses them', async () => {
      const { entity } = await x509(fresh());
      const key = await ssh(fresh());
      const gateway = await run(
        `gatewayCreate(address: "gw.test:443", remoteNetworkId: "${net}", x509CAId: "${entity.id}", sshCAId: "${key.entity.id}")`,
        GATEWAY,
      );
      const drop = (kind: string, id: string) =>
        run(`${kind}CertificateAuthorityDelete(id: "${id}")`, 'ok error');
      const inUse = { ok: false, error: 'This CA is currently in use and cannot be deleted.' };
      expect(await drop('x509', entity.id)).toEqual(inUse);
      expect(await drop('ssh', key.entity.id)).toEqual(inUse);
      expect(await drop('ssh', entity.id)).toMatchObject(refused('does not exist'));
      await run(`gatewayDelete(id: "${gateway.entity.id}")`, 'ok error');
      expect(await drop('x509', entity.id)).toEqual({ ok: true, error: null });
      expect(await drop('x509', entity.id)).toMatchObject(refused('does not exist'));
      expect((await gql(READ, { id: entity.id })).data.certificateAuthority).toBeNull();
    });
  });

  describe('gateways', () => {
    test('stand at an address in a network, with an authority or two, and change', async () => {
      const first = (await x509(fresh())).entity.id;
      const second = (await x509(fresh())).entity.id;
      const key = (await ssh(fresh())).entity.id;
      const made = await run(
        `gatewayCreate(address: "10.0.0.1:8080", remoteNetworkId: "${net}", x509CAId: "${first}", sshCAId: null)`,
        GATEWAY,
      );
      const { id } = made.entity;
      expect(made).toEqual({
        ok: true,
        error: null,
        entity: {
          id,
          address: '10.0.0.1:8080',
          remoteNetwork: { id: net },
          x509CA: { id: first },
          sshCA: null,
        },
      });
      const update = (rest: string) => run(`gatewayUpdate(id: "${id}", ${rest})`, GATEWAY);
      expect((await update(`sshCAId: "${key}"`)).entity.sshCA).toEqual({ id: key });
      // Null says nothing of what cannot be without; it clears what can.
      const nulls = 'address: null, remoteNetworkId: null, x509CAId: null';
      expect((await update(nulls)).entity).toMatchObject({ address: '10.0.0.1:8080', sshCA: { id: key } });
      expect((await update(`${nulls}, sshCAId: null`)).entity.sshCA).toBeNull();
      expect(
        (await update(`address: "[2001:db8::1]:22", x509CAId: "${second}", remoteNetworkId: "${lab}"`))
          .entity,
      ).toEqual({
        id,
        address: '[2001:db8::1]:22',
        remoteNetwork: { id: lab },
        x509CA: { id: second },
        sshCA: null,
      });
      expect((await gql(`{ gateway(id: "${id}") { address } }`)).data.gateway.address).toBe(
        '[2001:db8::1]:22',
      );
      expect(await run(`gatewayDelete(id: "${id}")`, 'ok error')).toEqual({ ok: true, error: null });
      expect(await run(`gatewayDelete(id: "${id}")`, 'ok error')).toEqual({
        ok: false,
        error: `Gateway with id '${id}' does not exist`,
      });
    });

    test.each([
      '',
      'host',
      'host:',
      'host:0',
      'host:65536',
      '10.0.0.256:1',
      '2001:db8::1:22',
      '[host]:1',
      'a b:1',
    ])('do not stand at "%s"', async (address) => {
      const { entity } = await x509(fresh());
      const call = `gatewayCreate(address: "${address}", remoteNetworkId: "${net}", x509CAId: "${entity.id}")`;
      expect(await run(call)).toMatchObject(refused('^address must'));
    });

    test('need things that exist and are of the right kind', async () => {
      const certificate = (await x509(fresh())).entity.id;
      const key = (await ssh(fresh())).entity.id;
      const make = (network: string, first: string, second?: string) =>
        run(
          `gatewayCreate(address: "a:1", remoteNetworkId: "${network}", x509CAId: "${first}"${second === undefined ? '' : `, sshCAId: "${second}"`})`,
        );
      expect(await make(net, key)).toMatchObject(refused('does not exist'));
      expect(await make(net, certificate, certificate)).toMatchObject(refused('does not exist'));
      expect(await make(net, gid('X509CertificateAuthority', 999_999))).toMatchObject(
        refused('does not exist'),
      );
      expect(await make(gid('RemoteNetwork', 999_999), certificate)).toMatchObject(refused('does not exist'));
    });

    test('stay while resources are behind them', async () => {
      const gateway = await makeGateway();
      const { entity } = await run(
        `sshResourceCreate(name: "s", address: "10.5.0.1", remoteNetworkId: "${net}", gatewayId: "${gateway}")`,
      );
      expect(await run(`gatewayDelete(id: "${gateway}")`, 'ok error')).toEqual({
        ok: false,
        error: 'Cannot delete. This Gateway is being used by Resource.',
      });
      expect(await run(`gatewayUpdate(id: "${gateway}", remoteNetworkId: "${lab}")`)).toMatchObject(
        refused('Remote Network'),
      );
      await run(`resourceDelete(id: "${entity.id}")`, 'ok');
      expect(await run(`gatewayDelete(id: "${gateway}")`, 'ok error')).toEqual({ ok: true, error: null });
    });
  });

  describe.each([
    ['kubernetesResource', 'KubernetesResource'],
    ['sshResource', 'SSHResource'],
    ['webAppResource', 'WebAppResource'],
  ])('%s', (field, type) => {
    const FIELDS = `ok error entity { __typename id name address { type value } isVisible isActive alias gateway { id } upstream { port }
      downstream { port } securityPolicy { id } tags { key value } approvalMode accessPolicy { mode durationSeconds }
      protocols { allowIcmp tcp { policy } } }`;

    test('is made behind a gateway, read and changed', async () => {
      const gateway = await makeGateway();
      const made = await run(
        `${field}Create(name: "r", address: "app.internal", remoteNetworkId: "${net}", gatewayId: "${gateway}", isVisible: null, alias: null,
          securityPolicyId: null, tags: [{key: "a", value: "b"}], protocols: null, accessPolicy: {mode: MANUAL}, upstreamPort: 8443, downstreamPort: 443)`,
        FIELDS,
      );
      const { id } = made.entity;
      expect(made).toEqual({
        ok: true,
        error: null,
        entity: {
          __typename: type,
          id: expect.any(String),
          name: 'r',
          address: { type: 'DNS', value: 'app.internal' },
          isVisible: true,
          isActive: true,
          alias: null,
          gateway: { id: gateway },
          upstream: { port: 8443 },
          downstream: { port: 443 },
          securityPolicy: null,
          tags: [{ key: 'a', value: 'b' }],
          approvalMode: 'MANUAL',
          accessPolicy: { mode: 'MANUAL', durationSeconds: null },
          protocols: { allowIcmp: true, tcp: { policy: 'ALLOW_ALL' } },
        },
      });
      const other = await makeGateway();
      const changed = await run(
        `${field}Update(id: "${id}", name: "renamed", gatewayId: "${other}", isVisible: false, alias: "r.internal", tags: [], upstreamPort: null, downstreamPort: 444)`,
        FIELDS,
      );
      expect(changed.entity).toMatchObject({
        name: 'renamed',
        gateway: { id: other },
        isVisible: false,
        alias: 'r.internal',
        tags: [],
        upstream: { port: 8443 },
        downstream: { port: 444 },
      });
      const { data } = await gql(
        `{ resource(id: "${id}") { __typename ... on ${type} { gateway { id } } } }`,
      );
      expect(data.resource).toEqual({ __typename: type, gateway: { id: other } });
      expect(await run(`resourceDelete(id: "${id}")`, 'ok error')).toEqual({ ok: true, error: null });
    });

    test('is refused without a gateway of its network', async () => {
      const make = (gateway: string) =>
        run(
          `${field}Create(name: "r", address: "10.0.0.9", remoteNetworkId: "${net}", gatewayId: "${gateway}")`,
        );
      expect(await make(await makeGateway(lab))).toMatchObject(refused('another Remote Network'));
      expect(await make(gid('Gateway', 999_999))).toMatchObject(
        refused("Gateway with id '.+' does not exist"),
      );
      const gateway = await makeGateway();
      const { entity } = await run(
        `${field}Create(name: "r", address: "10.0.0.9", remoteNetworkId: "${net}", gatewayId: "${gateway}")`,
      );
      for (const port of [0, 65_536]) {
        expect(await run(`${field}Update(id: "${entity.id}", upstreamPort: ${port})`)).toMatchObject(
          refused('upstream port'),
        );
      }
      // Each kind is changed by its own mutation.
      const others = ['resource', 'kubernetesResource', 'sshResource', 'webAppResource'].filter(
        (one) => one !== field,
      );
      for (const one of others) {
        expect(await run(`${one}Update(id: "${entity.id}", name: "x")`)).toMatchObject(
          refused('does not exist'),
        );
      }
    });
  });

  test('a web resource takes its ports as objects, and rewrites headers', async () => {
    const gateway = await makeGateway();
    const FIELDS =
      'ok error entity { id upstream { port } downstream { port } requestHeaderRewrites { key value } }';
    const made = await run(
      `webAppResourceCreate(name: "w", address: "w.internal", remoteNetworkId: "${net}", gatewayId: "${gateway}", upstream: {port: 8080},
        downstream: {port: 443}, requestHeaderRewrites: [{key: "Host", value: "w.internal"}])`,
      FIELDS,
    );
    expect(made.entity).toMatchObject({
      upstream: { port: 8080 },
      downstream: { port: 443 },
      requestHeaderRewrites: [{ key: 'Host', value: 'w.internal' }],
    });
    const update = (rest: string) => run(`webAppResourceUpdate(id: "${made.entity.id}", ${rest})`, FIELDS);
    expect((await update('upstream: {port: 81}')).entity).toMatchObject({
      upstream: { port: 81 },
      requestHeaderRewrites: [{ key: 'Host' }],
    });
    expect((await update('requestHeaderRewrites: []')).entity.requestHeaderRewrites).toEqual([]);
    for (const headers of [
      '{key: "a b", value: "x"}',
      '{key: "a", value: "x\\ny"}',
      '{key: "a", value: "1"}, {key: "A", value: "2"}',
    ]) {
      expect(await update(`requestHeaderRewrites: [${headers}]`)).toMatchObject(
        refused('requestHeaderRewrites'),
      );
    }
  });
});
