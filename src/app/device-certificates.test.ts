import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ApiServer, createApiServer } from '../../tests/support/api-server.ts';
import { seed } from '../../tests/support/seeds.ts';
import type { ServeConfig } from '../config/config.ts';
import { lookAtDeviceCertificates } from './device-certificates.ts';

const DOMAIN = 'ts.example.net';
const ANSWERED: Pick<ServeConfig, 'magicDnsDomain' | 'acmeDns'> = {
  magicDnsDomain: DOMAIN,
  acmeDns: { kind: 'answered', listen: undefined, names: ['ns.example.com'] },
};

let api: ApiServer;
beforeEach(async () => {
  api = await createApiServer('sqlite', () => []);
});
afterEach(() => api.close());

const nobody = (_domain: string): Promise<readonly string[]> => Promise.reject(new Error('no such domain'));
const look = (config: Pick<ServeConfig, 'magicDnsDomain' | 'acmeDns'>, nameServers = nobody) =>
  lookAtDeviceCertificates({ config, store: api.store, nameServers });
const enable = (): Promise<unknown> =>
  seed(api.store, api.organization.id, (tx) =>
    tx.put('setting', {
      ...{ org: api.organization.id, name: 'https_enabled', value: true },
      updatedAt: tx.now,
    }),
  );

test('where nobody wants certificates there is nothing to say', async () => {
  expect(await look({ magicDnsDomain: undefined, acmeDns: undefined })).toMatchObject({ state: 'ok' });
});

test('organizations that switched them on in vain are named, with the reason', async () => {
  await enable();
  const found = await look({ magicDnsDomain: DOMAIN, acmeDns: undefined });
  expect(found.state).toBe('warning');
  expect(found.says).toContain('acme (nothing answers the DNS for its names)');
  const [dns] = await api.store.find('dnsConfig', api.organization.id, {});
  await seed(api.store, api.organization.id, (tx) =>
    tx.update('dnsConfig', api.organization.id, dns?.id ?? 0, { magicDns: false }),
  );
  expect((await look(ANSWERED)).says).toContain('acme (MagicDNS is off)');
});

test('a domain that is not delegated, or to somebody else, is told with the record that is missing', async () => {
  await enable();
  expect(await look(ANSWERED)).toMatchObject({
    state: 'warning',
    says: expect.stringContaining('"ts.example.net. NS ns.example.com."'),
  });
  expect((await look(ANSWERED, async () => ['ns.elsewhere.example'])).state).toBe('warning');
  const asked: string[] = [];
  const delegated = async (domain: string) => {
    asked.push(domain);
    return ['ns.example.com'];
  };
  expect(await look(ANSWERED, delegated)).toMatchObject({ state: 'ok' });
  expect(asked).toEqual([DOMAIN]);
});
