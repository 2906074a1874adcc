// A port that nothing listens on, for what must be told its port before it starts.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below those that systems hand out by themselves, so that no other socket of this machine gets it by chance meanwhile. */
const LOWEST = 15_000;
const HIGHEST = 32_000;
const TRIES = 100;

/** Of the loopback address. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(LOWEST, HIGHEST);
    if (await isFree(port)) return port;
  }
  throw new Error(`of ${TRIES} ports between ${LOWEST} and ${HIGHEST} none is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
