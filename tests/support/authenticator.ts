// An authenticator and the part of a browser that talks to it: WebAuthn without either, for tests of what servers take.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface Passkey {
  readonly id: string;
  readonly key: KeyObject;
  readonly userHandle: string;
  counter: number;
}

export interface Answer {
  readonly id: string;
  readonly rawId: string;
  readonly type: string;
  readonly response: Readonly<Record<string, unknown>>;
  readonly clientExtensionResults: object;
}

interface Options {
  readonly challenge: string;
  readonly rp?: { readonly id: string };
  readonly rpId?: string;
  readonly user?: { readonly id: string };
}

export interface Ways {
  readonly origin: string;
  /** Whether a finger or a number was asked for. Default: yes. */
  readonly verified?: boolean;
  readonly type?: string;
  readonly rpId?: string;
  readonly counter?: number;
  readonly userHandle?: string | null;
}

const PRESENT = 0x01;
const VERIFIED = 0x04;
const ATTESTED = 0x40;

const sha256 = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest();

/** CBOR of what is needed here: small integers, texts, bytes, maps. */
function cbor(value: unknown): Buffer {
  const head = (major: number, length: number): Buffer => {
    if (length < 24) return Buffer.from([(major << 5) | length]);
    if (length < 256) return Buffer.from([(major << 5) | 24, length]);
    return Buffer.from([(major << 5) | 25, length >> 8, length & 255]);
  };
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string')
    return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  const entries = [...(value as Map<unknown, unknown>)];
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([k, v]) => [cbor(k), cbor(v)])]);
}

const clientData = (type: string, challenge: string, origin: string): Buffer =>
  Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));

function authenticatorData(rpId: string, flags: number, counter: number, more = Buffer.alloc(0)): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(counter);
  return Buffer.concat([sha256(rpId), Buffer.from([flags]), count, more]);
}

/** Makes a passkey as `navigator.credentials.create` does. */
export function register(
  options: Options,
  ways: Ways,
): { readonly passkey: Passkey; readonly answer: Answer } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const id = randomBytes(32);
  const cose = cbor(
    new Map<number, unknown>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x, 'base64url')],
      [-3, Buffer.from(y, 'base64url')],
    ]),
  );
  const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, cose]);
  const flags = PRESENT | ATTESTED | (ways.verified === false ? 0 : VERIFIED);
  const authData = authenticatorData(ways.rpId ?? options.rp?.id ?? '', flags, 0, attested);
  const attestation = cbor(
    new Map<string, unknown>([
      ['fmt', 'none'],
      ['attStmt', new Map()],
      ['authData', authData],
    ]),
  );
  const text = id.toString('base64url');
  const data = clientData(ways.type ?? 'webauthn.create', options.challenge, ways.origin);
  return {
    passkey: { id: text, key: privateKey, userHandle: options.user?.id ?? '', counter: 0 },
    answer: {
      id: text,
      rawId: text,
      type: 'public-key',
      response: {
        clientDataJSON: data.toString('base64url'),
        attestationObject: attestation.toString('base64url'),
        transports: ['internal'],
      },
      clientExtensionResults: {},
    },
  };
}

/** Shows one as `navigator.credentials.get` does. */
export function assert(passkey: Passkey, options: Options, ways: Ways): Answer {
  passkey.counter = ways.counter ?? passkey.counter + 1;
  const flags = PRESENT | (ways.verified === false ? 0 : VERIFIED);
  const authData = authenticatorData(ways.rpId ?? options.rpId ?? '', flags, passkey.counter);
  const data = clientData(ways.type ?? 'webauthn.get', options.challenge, ways.origin);
  const signature = sign('sha256', Buffer.concat([authData, sha256(data)]), passkey.key);
  const handle = ways.userHandle === undefined ? passkey.userHandle : ways.userHandle;
  return {
    id: passkey.id,
    rawId: passkey.id,
    type: 'public-key',
    response: {
      clientDataJSON: data.toString('base64url'),
      authenticatorData: authData.toString('base64url'),
      signature: signature.toString('base64url'),
      ...(handle === null ? {} : { userHandle: handle }),
    },
    clientExtensionResults: {},
  };
}
