/** The UDP socket that answers STUN. */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { stunAnswer } from './stun.ts';

export interface StunListener {
  readonly port: number;
  close(): Promise<void>;
}

/** Rejects with the system's error when the port is not to be had. */
export function startStun(
  { host, port }: { readonly host: string; readonly port: number },
  onError: (error: unknown) => void,
): Promise<StunListener> {
  const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' });
  socket.on('message', (datagram, from) => {
    const answer = stunAnswer(datagram, from);
    if (answer === undefined) return;
    // An address that cannot be answered is its sender's affair.
    socket.send(answer, from.port, from.address, () => undefined);
  });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port, address: host }, () => {
      socket.removeAllListeners('error');
      socket.on('error', onError);
      resolve({
        port: socket.address().port,
        close: () => new Promise((closed) => socket.close(() => closed())),
      });
    });
  });
}
