/** The client's first frame: its node key, and a box that only the holder of that key can have made for this server. */
import { z } from 'zod';
import type { Random } from '../../kernel/random.ts';
import { formatKey, isZeroKey, type NodeKey, type NoisePrivateKey } from '../noise/index.ts';
import { type Box, createBox, NONCE_BYTES, TAG_BYTES } from './box.ts';
import { DERP_VERSION, FRAME, FrameError, frame, KEY_BYTES } from './frames.ts';

/** Clients send 150 bytes or so; nobody is trusted with more before the key is proven. */
export const MAX_CLIENT_INFO_BYTES = 16 * 1024;
const MIN_CLIENT_INFO_BYTES = KEY_BYTES + NONCE_BYTES + TAG_BYTES;

const info = z.looseObject({ version: z.int().nonnegative() });

export interface ClientInfo {
  readonly keyRaw: Buffer;
  readonly nodeKey: NodeKey;
  readonly version: number;
  /** The server's answer: that it, too, holds its key. */
  readonly serverInfo: Buffer;
}

/** Throws `FrameError` with what is wrong. */
export function openClientInfo(payload: Buffer, serverKey: NoisePrivateKey, random: Random): ClientInfo {
  if (payload.length < MIN_CLIENT_INFO_BYTES) throw new FrameError('the client information is too short');
  const keyRaw = Buffer.from(payload.subarray(0, KEY_BYTES));
  const nodeKey = formatKey('node', keyRaw);
  if (isZeroKey(nodeKey)) throw new FrameError('the client has no key');
  const box = createBox(serverKey, keyRaw, random);
  const plain = box?.open(payload.subarray(KEY_BYTES));
  if (box === undefined || plain === undefined) throw new FrameError('the client does not hold its key');
  return { keyRaw, nodeKey, version: versionOf(plain), serverInfo: serverInfoFrame(box) };
}

function versionOf(plain: Uint8Array): number {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(plain).toString('utf8'));
  } catch {
    throw new FrameError('the client information is not JSON');
  }
  const result = info.safeParse(value);
  if (!result.success) throw new FrameError('the client information has no version');
  return result.data.version;
}

const serverInfoFrame = (box: Box): Buffer =>
  frame(FRAME.serverInfo, box.seal(Buffer.from(JSON.stringify({ version: DERP_VERSION }))));
