import { describe, expect, it } from 'vitest';
import { systemRandom } from './random.ts';
import { createWireGuardKeyPair, isWireGuardKey, publicKeyOf } from './wireguard-keys.ts';

/** A private key of `wg genkey`, and what `wg pubkey` makes of it. */
const PRIVATE = 'KEZV3RRPv7vpnjMOHPYC7dHBDubrbIaHt5aCra56y0c=';
const PUBLIC = 'X47u4ilrEdQKFp0XAOqaTZpM/coyYnJiHo2qcMzaBAU=';

describe('WireGuard keys', () => {
  it('derive the public key that the real program derives', () => {
    expect(publicKeyOf(PRIVATE)).toBe(PUBLIC);
  });

  it('are clamped, and told from texts that are none', () => {
    const { privateKey, publicKey } = createWireGuardKeyPair(systemRandom);
    const bytes = Buffer.from(privateKey, 'base64');
    expect([bytes.readUInt8(0) & 7, bytes.readUInt8(31) >> 6]).toEqual([0, 1]);
    expect([privateKey, publicKey].map(isWireGuardKey)).toEqual([true, true]);
    const others = ['', 'A', publicKey.slice(1), `${publicKey}=`, ` ${publicKey}`];
    for (const text of [...others, `${'A'.repeat(43)}=`, `${'A'.repeat(42)}B=`]) {
      expect(isWireGuardKey(text)).toBe(false);
    }
  });
});
