import { Duplex } from 'node:stream';
import { NoiseError } from './errors.ts';
import { createFrameReader, type FrameReader } from './frame-reader.ts';
import { MAX_PLAINTEXT_BYTES } from './frames.ts';
import type { NoiseSession } from './handshake.ts';
import {
  createDirection,
  type Direction,
  openRecord,
  type Pieces,
  piecesOf,
  sealRecords,
} from './records.ts';

/** Plaintext sealed at once: enough to fill a socket's buffer, little enough that a slow reader costs no memory. */
const BATCH_BYTES = 16 * MAX_PLAINTEXT_BYTES;

type WriteCallback = (error?: Error | null) => void;

/**
 * Plaintext over a Noise session: a Duplex on top of a socket on which the handshake is done. Both end together; a frame that
 * is broken, tampered with or cut short destroys it with a NoiseError. Writes that wait together leave as few full records.
 */
export class NoiseStream extends Duplex {
  readonly #socket: Duplex;
  readonly #send: Direction;
  readonly #receive: Direction;
  readonly #frames: FrameReader;

  constructor(socket: Duplex, session: NoiseSession) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#send = createDirection(session.sendKey);
    this.#receive = createDirection(session.receiveKey);
    this.#frames = createFrameReader((ciphertext) => this.#deliver(ciphertext));
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error) => this.destroy(error));
    socket.once('end', () => this.#ended());
    socket.once('close', () => this.destroy());
  }

  /** Takes bytes that were read off the socket before this stream existed. */
  receive(chunk: Uint8Array): void {
    if (this.destroyed) return;
    try {
      this.#frames.take(chunk);
    } catch (error) {
      this.destroy(error instanceof Error ? error : undefined);
    }
  }

  /**
   * Sends before everything else, without waiting for the socket: for what must share a segment with the handshake's
   * response. Only before the first `write`.
   */
  sendFirst(plaintext: Uint8Array): void {
    const pieces = piecesOf([plaintext]);
    this.#socket.write(sealRecords(this.#send, pieces, pieces.left));
  }

  #deliver(ciphertext: Uint8Array): void {
    if (this.destroyed) return;
    const plaintext = openRecord(this.#receive, ciphertext);
    // A record without content is legal and means nothing.
    if (plaintext.length > 0 && !this.push(plaintext)) this.#socket.pause();
  }

  /** The peer sends no more. Once what it sent is read, this end closes too: half-open connections are of no use here. */
  #ended(): void {
    if (this.#frames.isWithinFrame()) {
      this.destroy(new NoiseError('truncated', 'the connection ended within a record'));
    } else {
      this.push(null);
    }
  }

  override _read(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#sendBatches(piecesOf([chunk]), callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: WriteCallback): void {
    this.#sendBatches(piecesOf(chunks.map(({ chunk }) => chunk)), callback);
  }

  /** Seals the next batch only when the socket has passed on the one before: that is the back-pressure. */
  #sendBatches(pieces: Pieces, callback: WriteCallback): void {
    let wire: Buffer;
    try {
      wire = sealRecords(this.#send, pieces, BATCH_BYTES);
    } catch (error) {
      callback(error instanceof Error ? error : new NoiseError('exhausted', 'sealing failed'));
      return;
    }
    if (pieces.left === 0) {
      this.#socket.write(wire, callback);
      return;
    }
    this.#socket.write(wire, (error) => {
      if (error) callback(error);
      else this.#sendBatches(pieces, callback);
    });
  }

  override _final(callback: WriteCallback): void {
    this.#socket.end(() => callback());
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    this.#socket.destroy();
    callback(error);
  }
}
