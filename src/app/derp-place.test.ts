import type { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { originPort, relayAddress, relayListening } from './derp-place.ts';

const LISTEN = { host: '127.0.0.1', port: 8484 };
const NOTHING = {
  listen: LISTEN,
  publicUrl: undefined,
  tls: undefined,
  derpListen: undefined,
  stun: undefined,
};
const TLS = { certFile: 'cert.pem', keyFile: 'key.pem' };

describe('where the relay listens', () => {
  test('beside a plain server: the next port, and STUN on its usual one, else on the relay’s', () => {
    expect(relayListening(NOTHING)).toEqual({
      own: { host: '127.0.0.1', port: 8485 },
      stun: [
        { host: '127.0.0.1', port: 3478 },
        { host: '127.0.0.1', port: 8485 },
      ],
      ownIsAsked: false,
      stunIsAsked: false,
    });
  });

  test('any port where the server itself takes any, and the one before the last port there is', () => {
    expect(relayListening({ ...NOTHING, listen: { host: '::', port: 0 } }).own).toEqual({
      host: '::',
      port: 0,
    });
    expect(relayListening({ ...NOTHING, listen: { host: '::', port: 65_535 } }).own?.port).toBe(65_534);
  });

  test('on the server’s own origin where that speaks TLS, by itself or behind a proxy', () => {
    expect(relayListening({ ...NOTHING, tls: TLS }).own).toBeUndefined();
    expect(relayListening({ ...NOTHING, publicUrl: 'https://net.example.com' }).own).toBeUndefined();
    expect(relayListening({ ...NOTHING, publicUrl: 'http://net.example.com' }).own).toBeDefined();
  });

  test('where an operator says, who would rather hear that it cannot be had', () => {
    const derpListen = { host: '0.0.0.0', port: 9000 };
    const stun = { host: '0.0.0.0', port: 9001 };
    expect(relayListening({ ...NOTHING, tls: TLS, derpListen, stun })).toEqual({
      own: derpListen,
      stun: [stun],
      ownIsAsked: true,
      stunIsAsked: true,
    });
  });
});

describe('the address of the relay that devices are told', () => {
  const interfaces = (() => ({
    lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true }],
    eth0: [
      { address: 'fe80::1', family: 'IPv6', internal: false },
      { address: 'fd00::9', family: 'IPv6', internal: false },
      { address: '10.0.0.9', family: 'IPv4', internal: false },
    ],
  })) as unknown as () => ReturnType<typeof networkInterfaces>;
  const address = (
    config: Partial<Parameters<typeof relayAddress>[0]['config']>,
    localAddress = '',
    certificateName?: string,
  ) => relayAddress({ config: { ...NOTHING, ...config }, certificateName, localAddress, interfaces });
  const anywhere = { listen: { host: '0.0.0.0', port: 8484 } };

  test('is the host of the public URL before all else', () => {
    expect(address({ publicUrl: 'http://net.example.com:8484' }, '10.0.0.5', 'other.example.com')).toBe(
      'net.example.com',
    );
    expect(address({ publicUrl: 'http://[fd00::5]:8484' })).toBe('fd00::5');
  });

  test('is the name in the server’s certificate', () => {
    expect(address(anywhere, '10.0.0.5', 'net.example.com')).toBe('net.example.com');
  });

  test('is the one that the relay listens on, when it is one', () => {
    expect(address({ listen: { host: '10.0.0.4', port: 1 } }, '10.0.0.5')).toBe('10.0.0.4');
    expect(address({ ...anywhere, derpListen: { host: '10.0.0.3', port: 1 } }, '10.0.0.5')).toBe('10.0.0.3');
  });

  test('is the one at which the device reached the server, when that listens everywhere', () => {
    expect(address(anywhere, '10.0.0.5')).toBe('10.0.0.5');
    expect(address({ listen: { host: '::', port: 1 } }, '::ffff:10.0.0.5')).toBe('10.0.0.5');
    expect(address({ listen: { host: '::', port: 1 } }, 'fd00::5')).toBe('fd00::5');
  });

  test('is that of an interface, IPv4 first, when nothing else is known', () => {
    expect(address(anywhere)).toBe('10.0.0.9');
  });
});

test('the port of the relay on the server’s origin is that of the public URL', () => {
  expect(originPort('https://net.example.com', 8484)).toBe(443);
  expect(originPort('https://net.example.com:8443', 8484)).toBe(8443);
  expect(originPort(undefined, 8484)).toBe(8484);
});
