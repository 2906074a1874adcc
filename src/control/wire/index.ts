// The JSON of the control protocol as plain types, and the framing of map messages. Nothing here decides anything; the
// meaning of absent, null and empty values stands in the comments beside the fields.
//
// Framing, for `POST /machine/map`:
//   const compression = compressionOf(request.Compress)            // 'zstd' | 'none' | undefined (answer 400)
//   stream.write(encodeMessage(JSON.stringify(response), compression))
//   stream.write(joinMessage([head, sharedPeers, tail]))            // parts of one JSON text, each from encodePart()
//   const keepAlive = encodeKeepAlive(compression)                  // once; the same bytes each time
// Parts are cached and shared between streams: frames are independent, and clients decode several frames in one message as
// their contents joined.

export type * from './derp.ts';
export type * from './dns.ts';
export type * from './filter.ts';
export type * from './hostinfo.ts';
export type * from './map.ts';
export {
  type Compression,
  compressionOf,
  encodeKeepAlive,
  encodeMessage,
  encodePart,
  joinMessage,
} from './map-frame.ts';
export type * from './node.ts';
export type * from './register.ts';
export type * from './scalars.ts';
export type * from './ssh.ts';
export type * from './users.ts';
