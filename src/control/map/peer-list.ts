/**
 * The list of peers of a class of viewers, kept as compressed parts. A part holds some dozens of devices in order of their
 * ids; when a device changes, its part alone is made again. A viewer's first map is then its own head, the parts of its
 * class as they are, and one part made for it, from which it is left out itself.
 */
import { type Compression, encodePart } from '../wire/index.ts';

/** Small enough that leaving one device out is cheap, large enough to compress well. */
const MAX_CHUNK = 48;

/** A device as its viewers see it; undefined when it is no longer known. */
export type PeerJson = (id: number) => string | undefined;

const NOTHING = Buffer.alloc(0);

interface Chunk {
  ids: number[];
  /** With a comma before the first device; undefined when stale. */
  following: Buffer | undefined;
  /** Without: for a chunk that opens the list. */
  opening: Buffer | undefined;
}

export interface PeerList {
  readonly size: number;
  ids(): Iterable<number>;
  has(id: number): boolean;
  add(id: number): void;
  remove(id: number): void;
  /** The device's JSON changed. */
  touch(id: number): void;
  /** The list without one device, as parts of a JSON array's contents. */
  parts(without: number, json: PeerJson, compression: Compression): Buffer[];
  /** Gives the memory of the compressed parts back. */
  forget(): void;
}

export function createPeerList(ids: readonly number[]): PeerList {
  const members = new Set(ids);
  const sorted = [...members].sort((a, b) => a - b);
  const chunks: Chunk[] = [];
  for (let from = 0; from < sorted.length; from += MAX_CHUNK) {
    chunks.push({ ids: sorted.slice(from, from + MAX_CHUNK), following: undefined, opening: undefined });
  }

  /** The chunk that holds the id, or that it belongs in. */
  const chunkFor = (id: number): Chunk | undefined => {
    let low = 0;
    let high = chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const first = chunks[middle]?.ids[0];
      if (first !== undefined && first <= id) low = middle;
      else high = middle - 1;
    }
    return chunks[low];
  };
  const spoil = (chunk: Chunk): void => {
    chunk.following = undefined;
    chunk.opening = undefined;
  };

  const textOf = (ids: readonly number[], json: PeerJson): string =>
    ids
      .map(json)
      .filter((one) => one !== undefined)
      .join(',');

  /** Empty when no device of the chunk is known any more. */
  const encodeWhole = (chunk: Chunk, opening: boolean, json: PeerJson): Buffer => {
    const known = opening ? chunk.opening : chunk.following;
    if (known !== undefined) return known;
    const text = textOf(chunk.ids, json);
    const made = text === '' ? NOTHING : encodePart(opening ? text : `,${text}`, 'zstd');
    if (opening) chunk.opening = made;
    else chunk.following = made;
    return made;
  };

  return {
    get size() {
      return members.size;
    },
    ids: () => members,
    has: (id) => members.has(id),
    add: (id) => {
      if (members.has(id)) return;
      members.add(id);
      const chunk = chunkFor(id);
      if (chunk === undefined) {
        chunks.push({ ids: [id], following: undefined, opening: undefined });
        return;
      }
      const at = chunk.ids.findIndex((other) => other > id);
      if (at < 0) chunk.ids.push(id);
      else chunk.ids.splice(at, 0, id);
      spoil(chunk);
      if (chunk.ids.length > MAX_CHUNK) {
        // New ids are the highest: the full chunk stays as it is, and the next one begins.
        const keep = at < 0 ? MAX_CHUNK : MAX_CHUNK >> 1;
        const rest = chunk.ids.splice(keep);
        chunks.splice(chunks.indexOf(chunk) + 1, 0, { ids: rest, following: undefined, opening: undefined });
      }
    },
    remove: (id) => {
      if (!members.delete(id)) return;
      const chunk = chunkFor(id);
      if (chunk === undefined) return;
      chunk.ids = chunk.ids.filter((other) => other !== id);
      spoil(chunk);
      if (chunk.ids.length === 0) chunks.splice(chunks.indexOf(chunk), 1);
    },
    touch: (id) => {
      if (!members.has(id)) return;
      const chunk = chunkFor(id);
      if (chunk !== undefined) spoil(chunk);
    },
    parts: (without, json, compression) => {
      const parts: Buffer[] = [];
      const own = members.has(without) ? chunkFor(without) : undefined;
      for (const chunk of chunks) {
        const opening = parts.length === 0;
        if (chunk === own || compression === 'none') {
          const text = textOf(
            chunk.ids.filter((id) => id !== without),
            json,
          );
          if (text !== '') parts.push(encodePart(opening ? text : `,${text}`, compression));
        } else {
          const part = encodeWhole(chunk, opening, json);
          if (part.length > 0) parts.push(part);
        }
      }
      return parts;
    },
    forget: () => {
      for (const chunk of chunks) spoil(chunk);
    },
  };
}
