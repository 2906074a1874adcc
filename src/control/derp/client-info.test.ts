import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../kernel/random.ts';
import { generatePrivateKey } from '../noise/index.ts';
import { createBox } from './box.ts';
import { openClientInfo } from './client-info.ts';
import { FrameError } from './frames.ts';

const server = generatePrivateKey();
const client = generatePrivateKey();

function payload(text: string, claimed = client.publicRaw): Buffer {
  const box = createBox(client, server.publicRaw, systemRandom)!;
  return Buffer.concat([claimed, box.seal(Buffer.from(text))]);
}
const open = (bytes: Buffer) => openClientInfo(bytes, server, systemRandom);

describe('the client information', () => {
  test('tells the key and the version, and makes the answer that only this client can open', () => {
    const info = open(payload('{"version":2,"CanAckPings":true,"AppName":"x"}'));
    expect(info.nodeKey).toBe(`nodekey:${Buffer.from(client.publicRaw).toString('hex')}`);
    expect(info.version).toBe(2);
    expect(info.serverInfo[0]).toBe(0x03);
    const answer = createBox(client, server.publicRaw, systemRandom)!.open(info.serverInfo.subarray(5));
    expect(JSON.parse(Buffer.from(answer!).toString())).toEqual({ version: 2 });
  });

  test.each([
    ['is too short', Buffer.alloc(71)],
    ['has the zero key', payload('{"version":2}', new Uint8Array(32))],
    ['names a key that the client does not hold', payload('{"version":2}', generatePrivateKey().publicRaw)],
    ['is not JSON', payload('{"version"')],
    ['is no object', payload('[]')],
    ['has no version', payload('{}')],
    ['has a bad version', payload('{"version":"2"}')],
  ])('is refused when it %s', (_why, bytes) => {
    expect(() => open(bytes)).toThrow(FrameError);
  });
});
