import { promisify } from 'node:util';
import { gzip, zstdCompress } from 'node:zlib';

const packers = { gzip: promisify(gzip), zstd: promisify(zstdCompress) };
const SUFFIXES: Readonly<Record<string, string>> = { gzip: '.gz', zstd: '.zst' };

export interface Packed {
  readonly body: Buffer;
  /** For `Content-Encoding`; undefined: it is as it was. */
  readonly encoding: 'gzip' | 'zstd' | undefined;
  /** For the name of a file: '', '.gz' or '.zst'. */
  readonly suffix: string;
}

/** `format` as the stream's configuration names it. */
export async function packed(text: string, format: string): Promise<Packed> {
  if (format !== 'gzip' && format !== 'zstd')
    return { body: Buffer.from(text), encoding: undefined, suffix: '' };
  return { body: await packers[format](text), encoding: format, suffix: SUFFIXES[format] ?? '' };
}
