import { describe, expect, test } from 'vitest';
import { processorTime } from '../../../tests/support/processor-time.ts';
import { connectorDomain, dnsSuffix, isNamed, isResolvable, nameTest } from './resource-names.ts';

const named = (addressText: string) => ({ addressKind: 'dns' as const, addressText });

describe('a resource that is a name', () => {
  test.each([
    ['db.plant.test', 'db.plant.test', 'db.plant.test'],
    ['DB.Plant.test.', 'db.plant.test', 'db.plant.test'],
    ['*.plant.test', '*.plant.test', 'plant.test'],
    ['db-*.plant.test', '*.plant.test', 'plant.test'],
    ['a.?.plant.test', '*.plant.test', 'plant.test'],
  ])('%s is resolved as %s and asked for under %s', (text, domain, suffix) => {
    expect(connectorDomain(named(text))).toBe(domain);
    expect(dnsSuffix(domain)).toBe(suffix);
  });

  test.each([named('db.*'), { addressKind: 'ip' as const, addressText: '10.0.0.1' }])(
    '%j is resolved by nobody',
    (resource) => {
      expect(connectorDomain(resource)).toBeUndefined();
    },
  );

  test.each([
    ['db.plant.test', 'db.plant.test', true],
    ['db.plant.test', 'a.db.plant.test', false],
    ['*.plant.test', 'a.b.plant.test', true],
    ['*.plant.test', 'plant.test', false],
    ['db-*.plant.test', 'db-1.plant.test', true],
    ['db-*.plant.test', 'web.plant.test', false],
    ['db?.plant.test', 'db1.plant.test', true],
    ['db?.plant.test', 'db12.plant.test', false],
    ['db.plant.test', 'dbxplant.test', false],
    ['*.plant.test', 'aXplantXtest', false],
    ['a*b*c.plant.test', 'a-b-b-c.plant.test', true],
    ['a*b*c.plant.test', 'a-c-b.plant.test', false],
    ['**.plant.test', 'a.plant.test', true],
    ['?.plant.test', '.plant.test', false],
    ['db.?*', 'db.x', true],
    ['db.*', 'db.', true],
  ])('%s and the name %s: %s', (text, name, expected) => {
    expect(isNamed(named(text), name)).toBe(expected);
  });

  test('a pattern of many stars takes no longer, whatever name a gateway makes up for it', () => {
    const time = processorTime(() => {
      expect(isNamed(named(`${'*a'.repeat(30)}*b.test`), `${'a'.repeat(248)}.test`)).toBe(false);
    });
    expect(time).toBeLessThan(1_000);
  });
});

test.each([
  ...[
    '100.64.0.9',
    '100.127.255.255',
    '127.0.0.1',
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
  ],
  ...[
    '::',
    '::1',
    'fe80::1',
    'ff02::1',
    'fd7a:115c:a1e0::1',
    '::ffff:100.64.0.9',
    '::ffff:127.0.0.1',
    'db.plant.test',
    '',
  ],
])('%s is never where a name leads', (address) => {
  expect(isResolvable(address)).toBe(false);
});

test.each(['10.0.0.1', '192.168.1.1', '8.8.8.8', '100.63.255.255', 'fd00::1', '2001:db8::1'])(
  '%s may be where a name leads',
  (address) => {
    expect(isResolvable(address)).toBe(true);
  },
);

test('many names are told apart at once as they are one by one', () => {
  const names = Array.from({ length: 15_000 }, (_, n) => `host-${n}.dept-${n % 100}.corp.test`);
  const isDept7 = nameTest(named('*.dept-7.corp.test'));
  expect(names.filter(isDept7)).toHaveLength(150);
  expect(names.filter(nameTest(named('host-7.dept-7.corp.test')))).toHaveLength(1);
  expect(names.filter(nameTest({ addressKind: 'ip', addressText: '10.0.0.1' }))).toEqual([]);
});
