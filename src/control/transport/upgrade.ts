import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { INITIATION_BYTES } from '../noise/index.ts';
import type { PlainAnswer } from './contract.ts';

// The HTTP/1.1 half of the protocol: what an upgrade request must hold, and the two answers to it.

const NEXT_PROTOCOL = 'tailscale-control-protocol';

/** Clients compare the value of `Upgrade` exactly. */
export const SWITCHING_PROTOCOLS = Buffer.from(
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${NEXT_PROTOCOL}\r\nConnection: upgrade\r\n\r\n`,
  'latin1',
);

/** Padded standard base64 of exactly an initiation: 101 bytes are 135 digits and one sign of padding. */
const HANDSHAKE_HEADER = /^[A-Za-z0-9+/]{135}=$/;

export type Refusal = keyof typeof REFUSALS;

/** The texts are those of the protocol's reference server, where it has one for the case. */
const REFUSALS = {
  'missing next protocol': 400,
  'unknown next protocol': 400,
  'missing Tailscale handshake header': 400,
  'invalid tailscale handshake header': 400,
  'tailscale handshake failed': 400,
  'too many connections': 503,
} as const;

/** The initiation that an upgrade request carries, or why it cannot be served. */
export function initiationOf(request: IncomingMessage): Uint8Array | Refusal {
  const next = request.headers.upgrade?.toLowerCase();
  if (next === undefined || next === '') return 'missing next protocol';
  if (next !== NEXT_PROTOCOL) return 'unknown next protocol';
  const handshake = request.headers['x-tailscale-handshake'];
  if (handshake === undefined || handshake === '') return 'missing Tailscale handshake header';
  if (typeof handshake !== 'string' || !HANDSHAKE_HEADER.test(handshake)) {
    return 'invalid tailscale handshake header';
  }
  const initiation = Buffer.from(handshake, 'base64');
  return initiation.length === INITIATION_BYTES ? initiation : 'invalid tailscale handshake header';
}

/** The answer to a request on /ts2021 that asks for no upgrade and so never becomes one. */
export const NO_UPGRADE: PlainAnswer = {
  status: REFUSALS['missing next protocol'],
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: 'missing next protocol\n',
};

/** Answers the upgrade with an error and gives the socket up. */
export function refuse(socket: Duplex, refusal: Refusal): void {
  const status = REFUSALS[refusal];
  const lines = [
    status === 503 ? 'HTTP/1.1 503 Service Unavailable' : 'HTTP/1.1 400 Bad Request',
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(refusal) + 1}`,
  ];
  if (status === 503) lines.push('Retry-After: 10');
  socket.on('error', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${refusal}\n`, 'latin1', () => socket.destroy());
}
