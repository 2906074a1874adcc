import { expect, test } from 'vitest';
import { createAddressClaims } from './address-claims.ts';

const resource = (id: number, network: number, addressText: string, patch = {}) => ({
  id,
  network,
  addressText,
  addressKind: addressText.includes('/') ? ('cidr' as const) : ('ip' as const),
  active: true,
  bypass: false,
  ...patch,
});
const everywhere = (): boolean => true;

test('an address is claimed by the networks that have it or a range around it, and not where the asking one has it too', () => {
  const claims = createAddressClaims();
  claims.set(1, resource(1, 10, '10.0.0.7'));
  claims.set(2, resource(2, 11, '10.0.4.0/22'));
  claims.set(3, resource(3, 12, 'fd00:7::/64'));
  const of = (network: number, address: string) => claims.claimant(network, address, everywhere);
  expect(of(20, '10.0.0.7')).toBe(10);
  expect(of(20, '10.0.0.8')).toBeUndefined();
  expect(of(20, '10.0.7.255')).toBe(11);
  expect(of(20, '10.0.8.0')).toBeUndefined();
  expect(of(20, 'fd00:7::1')).toBe(12);
  expect(of(20, 'no address')).toBeUndefined();
  expect(of(10, '10.0.0.7')).toBeUndefined();
  claims.set(4, resource(4, 20, '10.0.0.0/16'));
  expect(of(20, '10.0.0.7')).toBeUndefined();
  expect(of(21, '10.0.0.7')).toBe(10);
});

test('what is not carried claims nothing, nor does the way out to everything', () => {
  const claims = createAddressClaims();
  claims.set(1, resource(1, 10, '10.0.0.1', { active: false }));
  claims.set(2, resource(2, 10, '10.0.0.1', { bypass: true }));
  claims.set(3, resource(3, 10, '0.0.0.0/0'));
  claims.set(4, resource(4, 10, '10.0.0.1', { addressKind: 'dns' }));
  expect(claims.claimant(20, '10.0.0.1', everywhere)).toBeUndefined();
  claims.set(5, resource(5, 10, '10.0.0.1'));
  expect(claims.claimant(20, '10.0.0.1', (network) => network !== 10)).toBeUndefined();
  expect(claims.claimant(20, '10.0.0.1', everywhere)).toBe(10);
});

test('a claim moves and ends with its resource', () => {
  const claims = createAddressClaims();
  claims.set(1, resource(1, 10, '10.0.0.1'));
  claims.set(2, resource(2, 11, '10.0.0.1'));
  claims.set(1, resource(1, 10, '10.0.0.2'));
  expect(claims.claimant(20, '10.0.0.1', everywhere)).toBe(11);
  claims.set(2, undefined);
  expect(claims.claimant(20, '10.0.0.1', everywhere)).toBeUndefined();
  expect(claims.claimant(20, '10.0.0.2', everywhere)).toBe(10);
});
