/** From an open stream to a client that has proven its key and may use the relay; then on with its frames. */
import type { Duplex } from 'node:stream';
import type { Random } from '../../kernel/random.ts';
import type { NoisePrivateKey } from '../noise/index.ts';
import type { Admission } from './admission.ts';
import { MAX_CLIENT_INFO_BYTES, openClientInfo } from './client-info.ts';
import type { RelayLog } from './contract.ts';
import { createFrameReader } from './frame-reader.ts';
import { FRAME, FrameError, frame, SERVER_MAGIC } from './frames.ts';
import { RelayClient } from './relay-client.ts';

export interface HandshakeParts {
  readonly privateKey: NoisePrivateKey;
  readonly admission: Admission;
  readonly random: Random;
  readonly log: RelayLog;
  readonly now: () => number;
  readonly deadlineMs: number;
}

export interface Handlers {
  /** The longest payload taken of a frame after the handshake; undefined: such frames are passed over. */
  limitOf(type: number): number | undefined;
  onClient(client: RelayClient): void;
  onFrame(client: RelayClient, type: number, payload: Buffer): void;
  /** The handshake failed, or came too late, or the node may not use the relay. */
  onRefused(): void;
}

export function createHandshake(parts: HandshakeParts) {
  const { privateKey, admission, random, log, now } = parts;
  const greeting = frame(FRAME.serverKey, SERVER_MAGIC, privateKey.publicRaw);

  return (socket: Duplex, head: Buffer, handlers: Handlers): void => {
    let client: RelayClient | undefined;
    let asked = false;

    const refuse = (reason: string): void => {
      clearTimeout(deadline);
      if (socket.destroyed) return;
      if (client === undefined) handlers.onRefused();
      log.debug({ reason, node: client?.nodeKey }, 'a relay connection was cut');
      socket.destroy();
    };
    const deadline = setTimeout(() => refuse('the handshake took too long'), parts.deadlineMs);

    const enter = async (payload: Buffer): Promise<void> => {
      const { keyRaw, nodeKey, serverInfo } = openClientInfo(payload, privateKey, random);
      const release = await admission.admit(nodeKey, () => refuse('the node may no longer use the relay'));
      if (release === undefined) return refuse(`${nodeKey} may not use the relay`);
      if (socket.destroyed) return release();
      clearTimeout(deadline);
      socket.once('close', release);
      client = new RelayClient({ socket, keyRaw, nodeKey, now });
      client.outbox.control(serverInfo);
      handlers.onClient(client);
      reader.resume();
      socket.resume();
    };

    const begin = (type: number, payload: Buffer): void => {
      if (type !== FRAME.clientInfo || asked)
        throw new FrameError('the first frame is not the client information');
      asked = true;
      // What the client sends before it is let in waits in its own socket.
      reader.pause();
      socket.pause();
      enter(payload).catch((error: unknown) => {
        if (!(error instanceof FrameError)) log.warn({ err: error }, 'a relay handshake failed');
        refuse(error instanceof Error ? error.message : 'failed');
      });
    };

    const reader = createFrameReader({
      // Anything may come before the handshake, so nothing but what belongs there is passed over.
      limitOf: (type) => (client === undefined ? MAX_CLIENT_INFO_BYTES : handlers.limitOf(type)),
      onFrame: (type, payload) => {
        if (client === undefined) begin(type, payload);
        else handlers.onFrame(client, type, payload);
      },
    });
    const receive = (chunk: Buffer): void => {
      try {
        reader.push(chunk);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        refuse(error.message);
      }
    };

    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.once('close', () => clearTimeout(deadline));
    socket.on('data', receive);
    socket.write(greeting);
    if (head.length > 0) receive(head);
  };
}
