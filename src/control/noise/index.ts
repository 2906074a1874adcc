// Noise_IK_25519_ChaChaPoly_BLAKE2s as the control protocol uses it, on node:crypto alone.
//
// Keys:      parseKey('node', text) -> 32 bytes | undefined; isKeyText('machine', text); formatKey('machine', raw);
//            isZeroKey, zeroKey. Types MachineKey (`mkey:…`), NodeKey, DiscoKey.
//            generatePrivateKey(), importPrivateKey(raw32) -> NoisePrivateKey { publicRaw, publicText, … }; exportPrivateKey.
// Handshake: respond(staticKey, initiation) -> { response, session } (server);
//            initiate(machineKey, serverPublicRaw, capver) -> { initiation, finish(response) -> session } (client).
//            Both throw NoiseError.
// Stream:    new NoiseStream(socket, session, early?) is a Duplex of plaintext over a net.Socket or TLS socket.

export { NoiseError, type NoiseErrorCode } from './errors.ts';
export {
  INITIATION_BYTES,
  RESPONSE_BYTES,
} from './frames.ts';
export { initiate, type NoiseSession, respond } from './handshake.ts';
export {
  type DiscoKey,
  formatKey,
  isKeyText,
  isZeroKey,
  KEY_BYTES,
  type KeyKind,
  type KeyText,
  type MachineKey,
  type NodeKey,
  parseKey,
  zeroKey,
} from './key-text.ts';
export { NoiseStream } from './noise-stream.ts';
export { exportPrivateKey, generatePrivateKey, importPrivateKey, type NoisePrivateKey } from './x25519.ts';
