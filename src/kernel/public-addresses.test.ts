import { expect, test } from 'vitest';
import { isPublicAddress, publicLookup, requirePublicLiteral } from './public-addresses.ts';

test.each([
  ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.127.255.255', '127.0.0.1', '127.8.8.8', '169.254.169.254'],
  ...[
    '168.63.129.16',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
  ],
  ...[
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    'fe80::1',
    'fc00::1',
    'fd7a:115c::1',
  ],
  ...['ff02::1', '2001:db8::1', '2002:7f00:1::', '2001::1', 'fec0::1', 'localhost', ''],
])('%s is no public address', (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(['8.8.8.8', '100.63.255.255', '100.128.0.1', '172.15.0.1', '172.32.0.1', '2606:4700::1111'])(
  '%s is a public address',
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

test.each([true, false])(
  'a name that resolves to this machine is refused (all addresses: %s)',
  async (all) => {
    const error = await new Promise((resolve) =>
      publicLookup('localhost', { all }, (failure) => resolve(failure)),
    );
    expect(error).toMatchObject({ name: 'PrivateTarget', message: expect.stringContaining('localhost') });
  },
);

test.each([
  ...['http://127.0.0.1/', 'http://127.1/', 'http://2130706433/', 'http://0x7f.0.0.1/', 'http://0177.0.0.1/'],
  ...['http://127.0.0.1./', 'http://１２７.0.0.1/', 'https://[::1]/', 'https://[::ffff:127.0.0.1]/'],
  ...['https://[::ffff:7f00:1]/', 'https://[::127.0.0.1]/', 'https://[64:ff9b::169.254.169.254]/'],
  ...['http://169.254.169.254/latest/', 'http://user:name@10.0.0.1:8080/', 'https://[fd00:ec2::254]/'],
])('%s names a private address, however it is spelled', (url) => {
  expect(() => requirePublicLiteral(new URL(url))).toThrow('private');
});

test('names, and public addresses, are no private ones', () => {
  for (const url of [
    'https://localhost/',
    'https://hooks.example/',
    'https://8.8.8.8/',
    'https://[2606:4700::1111]/',
  ])
    expect(() => requirePublicLiteral(new URL(url))).not.toThrow();
});
