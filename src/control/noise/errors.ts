export type NoiseErrorCode =
  /** A message of the wrong size, type or version. */
  | 'malformed'
  /** A key or tag that does not fit: tampering, a replay, or the peer knows another server key. */
  | 'authentication'
  /** A frame beyond the protocol's maximum. */
  | 'oversize'
  /** The connection ended within a frame. */
  | 'truncated'
  /** The peer refused the handshake with an error frame; the message holds its (unauthenticated) text. */
  | 'refused'
  /** A direction has used all its nonces. */
  | 'exhausted';

/** A failure that ends the handshake or the session. Messages hold no key material. */
export class NoiseError extends Error {
  readonly code: NoiseErrorCode;

  constructor(code: NoiseErrorCode, message: string) {
    super(message);
    this.name = 'NoiseError';
    this.code = code;
  }
}
