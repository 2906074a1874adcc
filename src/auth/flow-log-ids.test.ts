import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFlowLogIds } from './flow-log-ids.ts';

const ids = createFlowLogIds(new Uint8Array(32).fill(1));
const number = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

test('an id is 64 hex digits and names its device again', () => {
  fc.assert(
    fc.property(number, number, (org, device) => {
      const id = ids.ofDevice(org, device);
      expect(id).toMatch(/^[0-9a-f]{64}$/u);
      expect(ids.deviceOf(id)).toEqual({ org, device });
    }),
  );
});

test('an id with any bit changed names nobody', () => {
  fc.assert(
    fc.property(number, number, fc.nat({ max: 255 }), (org, device, bit) => {
      const bytes = Buffer.from(ids.ofDevice(org, device), 'hex');
      bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7));
      expect(ids.deviceOf(bytes.toString('hex'))).toBeUndefined();
    }),
  );
});

test("another installation's id, an organization's id and any other text name nobody", () => {
  const other = createFlowLogIds(new Uint8Array(32).fill(2));
  expect(ids.deviceOf(other.ofDevice(1, 2))).toBeUndefined();
  expect(ids.deviceOf(ids.ofOrganization(1))).toBeUndefined();
  for (const text of ['', 'x', '0'.repeat(64), 'f'.repeat(64), ids.ofDevice(1, 2).toUpperCase()])
    expect(ids.deviceOf(text)).toBeUndefined();
});
