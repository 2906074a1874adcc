/** Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of thirty seconds, what every authenticator app does. */
import { createHmac } from 'node:crypto';
import { SECOND } from '../kernel/clock.ts';

export const TOTP_SECRET_BYTES = 20;
const DIGITS = 6;
const STEP_MS = 30 * SECOND;
/** Steps that a person's clock may be off, either way. */
const DRIFT = 1;
const CODE = /^\d{6}$/u;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const BITS = 5;

/** Without padding, as authenticator apps take it. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= BITS) {
      bits -= BITS;
      text += BASE32[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32[(held << (BITS - bits)) & 31] : text;
}

/** The bytes of a text that `base32` made, or undefined for any other. */
export function fromBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const char of text) {
    const value = BASE32.indexOf(char);
    if (value < 0) return undefined;
    held = (held << BITS) | value;
    bits += BITS;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
      held &= (1 << bits) - 1;
    }
  }
  return Uint8Array.from(bytes);
}

/** RFC 4226 §5.3. */
export function oneTimeCode(secret: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const digest = createHmac('sha1', secret).update(counter).digest();
  const offset = (digest.at(-1) ?? 0) & 15;
  const number = digest.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0');
}

export const stepAt = (now: number): number => Math.floor(now / STEP_MS);

/**
 * The step whose code this is, near the present and later than `after` (a code is good once); undefined when it is none.
 */
export function matchedStep(
  secret: Uint8Array,
  code: string,
  now: number,
  after: number,
): number | undefined {
  if (!CODE.test(code)) return undefined;
  const present = stepAt(now);
  for (let step = present - DRIFT; step <= present + DRIFT; step += 1) {
    if (step > after && step >= 0 && oneTimeCode(secret, step) === code) return step;
  }
  return undefined;
}

/** What an authenticator app reads from a QR code. */
export const totpUri = (secret: Uint8Array, issuer: string, name: string): string =>
  `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(name)}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}`;
