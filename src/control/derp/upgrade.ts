/** How a relay connection begins: an HTTP/1.1 upgrade of `GET /derp`. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { DERP_VERSION } from './frames.ts';
import { createWebSocketStream } from './websocket.ts';

/** Finds clients that vanished without a word. */
const TCP_KEEPALIVE_MS = 30_000;
const WEBSOCKET_PROTOCOL = 'derp';
/** RFC 6455 §1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{22}==$/u;

export interface UpgradeParts {
  /** The relay's public key, 32 bytes. */
  readonly publicRaw: Uint8Array;
  readonly accept: (stream: Duplex, head: Buffer) => void;
}

export function createUpgradeHandler({ publicRaw, accept }: UpgradeParts) {
  const switching = answer('101 Switching Protocols', [
    'Upgrade: DERP',
    'Connection: Upgrade',
    `Derp-Version: ${DERP_VERSION}`,
    `Derp-Public-Key: ${Buffer.from(publicRaw).toString('hex')}`,
  ]);

  return (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', () => socket.destroy());
    const wanted = request.headers.upgrade?.toLowerCase();
    if (request.method !== 'GET' || (wanted !== 'derp' && wanted !== 'websocket')) {
      refuse(socket, '426 Upgrade Required', ['Upgrade: DERP'], 'DERP requires connection upgrade\n');
      return;
    }
    request.socket.setTimeout(0);
    request.socket.setNoDelay(true);
    request.socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    if (wanted === 'websocket') {
      const accepted = webSocketAnswer(request);
      if (accepted === undefined) {
        refuse(socket, '400 Bad Request', [], 'not a WebSocket of the protocol "derp"\n');
        return;
      }
      socket.write(accepted, 'latin1');
      accept(createWebSocketStream(socket, head), Buffer.alloc(0));
      return;
    }
    // With a fast start the client has the key from the certificate and reads no answer.
    if (request.headers['derp-fast-start'] !== '1') socket.write(switching, 'latin1');
    accept(socket, head);
  };
}

const answer = (status: string, headers: readonly string[]): string =>
  `HTTP/1.1 ${[status, ...headers].join('\r\n')}\r\n\r\n`;

function refuse(socket: Duplex, status: string, headers: readonly string[], text: string): void {
  const all = [...headers, 'Connection: close', 'Content-Type: text/plain', `Content-Length: ${text.length}`];
  socket.end(answer(status, all) + text, 'latin1', () => socket.destroy());
}

function webSocketAnswer({ headers }: IncomingMessage): string | undefined {
  const key = headers['sec-websocket-key'];
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (headers['sec-websocket-version'] !== '13' || typeof key !== 'string' || !WEBSOCKET_KEY.test(key))
    return undefined;
  if (!offered.includes(WEBSOCKET_PROTOCOL)) return undefined;
  return answer('101 Switching Protocols', [
    'Upgrade: websocket',
    'Connection: Upgrade',
    // SHA-1 is what the protocol prescribes; nothing rests on it.
    `Sec-WebSocket-Accept: ${createHash('sha1')
      .update(key + WEBSOCKET_GUID)
      .digest('base64')}`,
    `Sec-WebSocket-Protocol: ${WEBSOCKET_PROTOCOL}`,
  ]);
}
