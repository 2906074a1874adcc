import { type MachineKey, zeroKey } from '../noise/index.ts';
import type { ServerKeys } from '../wire/index.ts';
import type { PlainAnswer } from './contract.ts';

/** Clients below it speak the protocol before Noise, which has another answer and is not served. */
const FIRST_NOISE_CAPVER = 39;

const INTEGER = /^-?\d{1,9}$/;

/** Answers `GET /key`; `capver` is the query's `v` as it came. Any origin may ask: clients in browsers do. */
export function keyResponse(publicKey: MachineKey, capver: string | null | undefined): PlainAnswer {
  if (capver === undefined || capver === null || capver === '') {
    return text(400, 'capability version must be set\n');
  }
  if (!INTEGER.test(capver)) return text(400, 'invalid capability version\n');
  if (Number(capver) < FIRST_NOISE_CAPVER) return text(200, '');
  const keys: ServerKeys = { legacyPublicKey: zeroKey('machine'), publicKey };
  return answer(200, 'application/json', JSON.stringify(keys));
}

function text(status: number, body: string): PlainAnswer {
  return answer(status, 'text/plain; charset=utf-8', body);
}

function answer(status: number, contentType: string, body: string): PlainAnswer {
  return { status, headers: { 'content-type': contentType, 'access-control-allow-origin': '*' }, body };
}
