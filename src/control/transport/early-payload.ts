import { randomBytes } from 'node:crypto';
import { formatKey, KEY_BYTES } from '../noise/index.ts';
import type { EarlyNoise } from '../wire/index.ts';

/** Not a possible start of HTTP/2, so that clients tell the two apart by these bytes. */
const MAGIC = Buffer.from([0xff, 0xff, 0xff, 0x54, 0x53]);

/** First capability version whose clients look for the payload. */
export const FIRST_EARLY_CAPVER = 49;

/** Magic, u32 big-endian length, JSON. The challenge is never checked, so its private half is not kept, or even made. */
export function earlyPayload(): Buffer {
  const early: EarlyNoise = { nodeKeyChallenge: formatKey('challenge', randomBytes(KEY_BYTES)) };
  const json = Buffer.from(JSON.stringify(early), 'utf8');
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([MAGIC, length, json]);
}
