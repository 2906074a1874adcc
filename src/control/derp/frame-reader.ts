/** Cuts a stream of bytes into frames. Holds no more than one frame, and of frames nobody wants not even that. */
import { FRAME_HEADER_BYTES, FrameError } from './frames.ts';

export interface FrameReaderParts {
  /** The longest payload taken of frames of this type; undefined: they are passed over, whatever their length. */
  readonly limitOf: (type: number) => number | undefined;
  /** `payload` is a view that the next chunk may share memory with: copy what is kept. */
  readonly onFrame: (type: number, payload: Buffer) => void;
}

export interface FrameReader {
  /** Throws `FrameError` for a frame that is too long. */
  push(chunk: Buffer): void;
  /** Leaves what comes unread until `resume`; bytes that were pushed stay here. */
  pause(): void;
  resume(): void;
  /** Whether bytes of an unfinished frame, or of a pause, are held. */
  readonly holdsBytes: boolean;
}

export function createFrameReader({ limitOf, onFrame }: FrameReaderParts): FrameReader {
  // Pieces are joined only when the bytes of the next step are all there, so that tiny pieces cost no more than large ones.
  let pieces: Buffer[] = [];
  let held = 0;
  let wanted = FRAME_HEADER_BYTES;
  let skipping = 0;
  let paused = false;

  const parse = (bytes: Buffer): number => {
    let at = 0;
    while (!paused) {
      if (skipping > 0) {
        const passed = Math.min(skipping, bytes.length - at);
        skipping -= passed;
        at += passed;
        if (skipping > 0) break;
      }
      if (bytes.length - at < FRAME_HEADER_BYTES) break;
      const type = bytes[at] ?? 0;
      const length = bytes.readUInt32BE(at + 1);
      const limit = limitOf(type);
      if (limit === undefined) {
        at += FRAME_HEADER_BYTES;
        skipping = length;
        continue;
      }
      if (length > limit)
        throw new FrameError(`a frame of type ${type} has ${length} bytes of at most ${limit}`);
      wanted = FRAME_HEADER_BYTES + length;
      if (bytes.length - at < wanted) break;
      const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + wanted);
      at += wanted;
      wanted = FRAME_HEADER_BYTES;
      onFrame(type, payload);
    }
    return at;
  };

  const advance = (): void => {
    if (paused || held === 0 || (skipping === 0 && held < wanted)) return;
    const bytes = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces, held);
    pieces = [];
    held = 0;
    const rest = bytes.subarray(parse(bytes));
    if (rest.length === 0) return;
    pieces = [rest];
    held = rest.length;
  };

  return {
    push: (chunk) => {
      if (chunk.length === 0) return;
      pieces.push(chunk);
      held += chunk.length;
      advance();
    },
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      advance();
    },
    get holdsBytes() {
      return held > 0;
    },
  };
}
