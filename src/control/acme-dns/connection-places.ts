/**
 * How many connections are open at a time. When there are too many the oldest gives way: whoever asks honestly is done long
 * before that, and whoever only holds on keeps nobody out.
 */
import { sourceOf } from './limits.ts';

const MAX_CONNECTIONS = 64;
/** From one part of the internet. */
const MAX_OF_SOURCE = 8;

/** Of a socket, what is needed to end it. */
interface Connection {
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

export interface ConnectionPlaces {
  take(connection: Connection, address: string): void;
  /** Ends all. */
  close(): void;
}

export function createConnectionPlaces(): ConnectionPlaces {
  /** The oldest first. */
  const open = new Map<Connection, string>();
  const end = (connection: Connection | undefined): void => {
    if (connection === undefined) return;
    open.delete(connection);
    connection.destroy();
  };
  return {
    take: (connection, address) => {
      const source = sourceOf(address);
      const same = [...open].filter(([, other]) => other === source).map(([one]) => one);
      if (same.length >= MAX_OF_SOURCE) end(same[0]);
      else if (open.size >= MAX_CONNECTIONS) end(open.keys().next().value);
      open.set(connection, source);
      connection.once('close', () => open.delete(connection));
    },
    close: () => {
      for (const connection of [...open.keys()]) end(connection);
    },
  };
}
