/** What the server needs of the control plane, and what stands in for it where there is none. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

export interface ControlPlane {
  /** Takes over a connection that asked for `/ts2021`, whatever it holds. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Answers `GET /key`; `capver` is the query's `v` as it came. */
  keyResponse(capver: string | undefined): {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  };
  start(): Promise<void>;
  /** Ends the streams of devices; resolves when the last is gone. */
  close(): Promise<void>;
}

const UNAVAILABLE = 503;

export const noControlPlane: ControlPlane = {
  handleUpgrade: (_request, socket) => {
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  },
  keyResponse: () => ({
    status: UNAVAILABLE,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: 'no control plane\n',
  }),
  start: async () => undefined,
  close: async () => undefined,
};
