const LENGTH_BYTES = 4;
/** No test network needs more; a larger length is a framing mistake. */
const MAX_MESSAGE = 256 * 1024 * 1024;

/** Cuts the body of a map answer into messages: u32 little-endian length, payload. */
export function createMessageReader(onMessage: (payload: Buffer) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let held = 0;
  let wanted = LENGTH_BYTES;
  let inPayload = false;

  return function take(chunk) {
    chunks.push(chunk);
    held += chunk.length;
    while (held >= wanted) {
      const joined = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      const piece = joined.subarray(0, wanted);
      const rest = joined.subarray(wanted);
      chunks = rest.length > 0 ? [rest] : [];
      held = rest.length;
      if (inPayload) {
        inPayload = false;
        wanted = LENGTH_BYTES;
        onMessage(piece);
      } else {
        inPayload = true;
        wanted = piece.readUInt32LE(0);
        if (wanted > MAX_MESSAGE) throw new Error(`a map message of ${wanted} bytes`);
      }
    }
  };
}
