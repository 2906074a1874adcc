import { expect, test } from 'vitest';
import { usable } from './name-reports.ts';

const plain = (names: Record<string, string[] | null>) => Object.fromEntries(usable(names));

test('names are kept as they are compared, with each address once', () => {
  expect(
    plain({
      'DB.plant.test.': ['2001:DB8::1', '2001:db8:0::1', '10.0.0.2', '10.0.0.1'],
      'none.plant.test': null,
      'bad name': ['10.0.0.1'],
      'device.plant.test': ['100.64.0.1', '::ffff:100.64.0.1', 'fd7a:115c:a1e0::1'],
    }),
  ).toEqual({ 'db.plant.test': ['10.0.0.1', '10.0.0.2', '2001:db8::1'] });
});

test('a gateway that makes up names has no more routes for it than people can bear', () => {
  const address = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  const found = usable(
    Object.fromEntries(
      Array.from({ length: 200 }, (_, name) => [
        `n${name}.plant.test`,
        [...Array.from({ length: 100 }, (_, n) => address(name * 100 + n)), address(0)],
      ]),
    ),
  );
  expect(new Set([...found.values()].flat()).size).toBe(4_096);
  expect(found.get('n0.plant.test')).toHaveLength(64);
});

test('names that share addresses are not cut short by their number', () => {
  const found = usable(
    Object.fromEntries(Array.from({ length: 4_999 }, (_, n) => [`n${n}.plant.test`, ['10.0.0.1']])),
  );
  expect(found.size).toBe(4_999);
});
