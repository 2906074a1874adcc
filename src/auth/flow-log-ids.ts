import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FlowLogIds } from '../domain/flow-logs/flow-log-ids.ts';

/** An id is 32 bytes: the organization's and the device's number, 7 bytes each, and a MAC over both. */
const NUMBER_BYTES = 7;
const MAC_AT = 2 * NUMBER_BYTES;
const ID_BYTES = 32;
const NOBODY = 0;
const ID = /^[0-9a-f]{64}$/u;

/** `key`: the installation's, 32 bytes. */
export function createFlowLogIds(key: Uint8Array): FlowLogIds {
  const idOf = (org: number, device: number): Buffer => {
    const id = Buffer.alloc(ID_BYTES);
    // Numbers are below 2^53; the first byte of each stays 0 as long as they are below 2^48.
    writeNumber(id, 0, org);
    writeNumber(id, NUMBER_BYTES, device);
    const mac = createHmac('sha256', key)
      .update('holdfast flow log\0')
      .update(id.subarray(0, MAC_AT))
      .digest();
    mac.copy(id, MAC_AT, 0, ID_BYTES - MAC_AT);
    return id;
  };
  return {
    ofDevice: (org, device) => idOf(org, device).toString('hex'),
    ofOrganization: (org) => idOf(org, NOBODY).toString('hex'),
    deviceOf: (text) => {
      if (!ID.test(text)) return undefined;
      const id = Buffer.from(text, 'hex');
      const org = readNumber(id, 0);
      const device = readNumber(id, NUMBER_BYTES);
      if (!Number.isSafeInteger(org) || !Number.isSafeInteger(device) || device === NOBODY) return undefined;
      return timingSafeEqual(id, idOf(org, device)) ? { org, device } : undefined;
    },
  };
}

const HIGH = 2 ** 48;

function writeNumber(to: Buffer, at: number, value: number): void {
  to.writeUInt8(Math.floor(value / HIGH), at);
  to.writeUIntBE(value % HIGH, at + 1, NUMBER_BYTES - 1);
}

const readNumber = (from: Buffer, at: number): number =>
  from.readUInt8(at) * HIGH + from.readUIntBE(at + 1, NUMBER_BYTES - 1);
