import type { KeyObject } from 'node:crypto';
import { NoiseError } from './errors.ts';
import {
  FRAME_ERROR,
  FRAME_INITIATION,
  FRAME_RESPONSE,
  HEADER_BYTES,
  INITIATION_BYTES,
  INITIATION_HEADER_BYTES,
  RESPONSE_BYTES,
  writeHeader,
} from './frames.ts';
import { KEY_BYTES } from './key-text.ts';
import { createSymmetricState } from './symmetric-state.ts';
import { generateEphemeral, importPublicKey, type NoisePrivateKey, sharedSecret } from './x25519.ts';

// Pattern IK (Noise specification §7.5): the client knows the server's key beforehand and sends its own sealed.
//   <- s
//   -> e, es, s, ss
//   <- e, ee, se

/** What a finished handshake leaves: a key each way. */
export interface NoiseSession {
  readonly sendKey: KeyObject;
  readonly receiveKey: KeyObject;
}

/** A key pair for one handshake; given by tests that compare with known bytes. */
export interface Ephemeral {
  readonly key: KeyObject;
  readonly publicRaw: Uint8Array;
}

export interface Accepted {
  /** The 51 bytes to send back. */
  readonly response: Buffer;
  /** The client's machine key, proven to be its own once its first record arrives. */
  readonly peerRaw: Uint8Array;
  /** The client's capability version. */
  readonly version: number;
  readonly session: NoiseSession;
}

const SEALED_KEY_BYTES = KEY_BYTES + 16;

function prologue(version: number): string {
  return `Tailscale Control Protocol v${version}`;
}

/** Server side: answers the 101 bytes of an initiation. Throws NoiseError. */
export function respond(
  staticKey: NoisePrivateKey,
  initiation: Uint8Array,
  ephemeral: Ephemeral = generateEphemeral(),
): Accepted {
  if (initiation.length !== INITIATION_BYTES) {
    throw new NoiseError('malformed', 'wrong handshake initiation size');
  }
  const header = Buffer.from(initiation.buffer, initiation.byteOffset, INITIATION_HEADER_BYTES);
  const version = header.readUInt16BE(0);
  if (header.readUInt8(2) !== FRAME_INITIATION) {
    throw new NoiseError('malformed', 'unexpected handshake message type');
  }
  if (header.readUInt16BE(3) !== INITIATION_BYTES - INITIATION_HEADER_BYTES) {
    throw new NoiseError('malformed', 'wrong handshake initiation length');
  }
  const keyEnd = INITIATION_HEADER_BYTES + KEY_BYTES;
  const sealedKeyEnd = keyEnd + SEALED_KEY_BYTES;

  const state = createSymmetricState(prologue(version), staticKey.publicRaw);
  const theirEphemeralRaw = initiation.subarray(INITIATION_HEADER_BYTES, keyEnd);
  const theirEphemeral = importPublicKey(theirEphemeralRaw);
  state.mixHash(theirEphemeralRaw);
  state.mixKey(sharedSecret(staticKey.key, theirEphemeral));
  const peerRaw = new Uint8Array(state.open(initiation.subarray(keyEnd, sealedKeyEnd)));
  const peer = importPublicKey(peerRaw);
  state.mixKey(sharedSecret(staticKey.key, peer));
  state.open(initiation.subarray(sealedKeyEnd));

  const response = Buffer.allocUnsafe(RESPONSE_BYTES);
  writeHeader(response, 0, FRAME_RESPONSE, RESPONSE_BYTES - HEADER_BYTES);
  response.set(ephemeral.publicRaw, HEADER_BYTES);
  state.mixHash(ephemeral.publicRaw);
  state.mixKey(sharedSecret(ephemeral.key, theirEphemeral));
  state.mixKey(sharedSecret(ephemeral.key, peer));
  response.set(state.seal(new Uint8Array(0)), HEADER_BYTES + KEY_BYTES);

  const [fromInitiator, fromResponder] = state.split();
  return { response, peerRaw, version, session: { sendKey: fromResponder, receiveKey: fromInitiator } };
}

/** A client's handshake between its two messages. */
export interface Initiated {
  /** The 101 bytes to send. */
  readonly initiation: Buffer;
  /** Takes the server's first frame: the response, or an error frame. Throws NoiseError. Call once. */
  finish(frame: Uint8Array): NoiseSession;
}

/** Client side: begins a handshake with the server whose key is `serverPublicRaw`. */
export function initiate(
  machineKey: NoisePrivateKey,
  serverPublicRaw: Uint8Array,
  version: number,
  ephemeral: Ephemeral = generateEphemeral(),
): Initiated {
  const state = createSymmetricState(prologue(version), serverPublicRaw);
  const server = importPublicKey(serverPublicRaw);
  const initiation = Buffer.allocUnsafe(INITIATION_BYTES);
  initiation.writeUInt16BE(version, 0);
  writeHeader(initiation, 2, FRAME_INITIATION, INITIATION_BYTES - INITIATION_HEADER_BYTES);
  initiation.set(ephemeral.publicRaw, INITIATION_HEADER_BYTES);
  state.mixHash(ephemeral.publicRaw);
  state.mixKey(sharedSecret(ephemeral.key, server));
  initiation.set(state.seal(machineKey.publicRaw), INITIATION_HEADER_BYTES + KEY_BYTES);
  state.mixKey(sharedSecret(machineKey.key, server));
  initiation.set(state.seal(new Uint8Array(0)), INITIATION_HEADER_BYTES + KEY_BYTES + SEALED_KEY_BYTES);

  function finish(frame: Uint8Array): NoiseSession {
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
    const type = bytes.length >= HEADER_BYTES ? bytes.readUInt8(0) : 0;
    if (type === FRAME_ERROR) {
      throw new NoiseError('refused', `server error: ${bytes.toString('utf8', HEADER_BYTES)}`);
    }
    if (
      type !== FRAME_RESPONSE ||
      bytes.length !== RESPONSE_BYTES ||
      bytes.readUInt16BE(1) !== RESPONSE_BYTES - HEADER_BYTES
    ) {
      throw new NoiseError('malformed', 'not a handshake response');
    }
    const theirEphemeralRaw = bytes.subarray(HEADER_BYTES, HEADER_BYTES + KEY_BYTES);
    const theirEphemeral = importPublicKey(theirEphemeralRaw);
    state.mixHash(theirEphemeralRaw);
    state.mixKey(sharedSecret(ephemeral.key, theirEphemeral));
    state.mixKey(sharedSecret(machineKey.key, theirEphemeral));
    state.open(bytes.subarray(HEADER_BYTES + KEY_BYTES));
    const [fromInitiator, fromResponder] = state.split();
    return { sendKey: fromInitiator, receiveKey: fromResponder };
  }

  return { initiation, finish };
}
