// The embedded relay on loopback, over TLS, in a process of its own: what it passes on, what that costs, what an idle client
// costs.    node bench/relay.ts
import { fork } from 'node:child_process';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRelayServer, makeCertificate, RELAY_NAME } from '../src/control/derp/index.ts';
import { generatePrivateKey } from '../src/control/noise/index.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { connectRelay, encodeFrame, type TestRelayClient } from '../tests/support/relay-client.ts';

/** What a WireGuard packet of a full-sized TCP segment takes. */
const PACKET_BYTES = 1312;
const RUN_MS = 5000;
/** Packets under way at once: fewer than the relay holds for a receiver, so that none is dropped. */
const WINDOW = 150;
const IDLE_CLIENTS = 1000;
const CONNECT_AT_ONCE = 50;
const MIB = 1024 * 1024;
const RECV_FRAME_BYTES = 5 + 32 + PACKET_BYTES;

interface Ready {
  readonly port: number;
  readonly certificate: string;
}
interface Usage {
  /** Microseconds of CPU since the last question. */
  readonly cpu: number;
  readonly rss: number;
  readonly dropped: number;
}

function serveRelay(): void {
  const names = [RELAY_NAME];
  const certificate = makeCertificate({ names, clock: systemClock, random: systemRandom });
  const relay = createRelayServer({
    privateKey: generatePrivateKey(),
    admission: {
      isKnownNode: async () => true,
      admit: async () => () => undefined,
      sweep: () => undefined,
      close: () => undefined,
    },
    clock: systemClock,
    random: systemRandom,
    log: { debug: () => undefined, warn: () => undefined },
  });
  const server = createServer({ cert: certificate.certPem, key: certificate.keyPem });
  server.on('upgrade', relay.handleUpgrade);
  let last = process.cpuUsage();
  server.listen(0, '127.0.0.1', () => {
    const ready: Ready = { port: (server.address() as AddressInfo).port, certificate: certificate.certPem };
    process.send?.(ready);
  });
  process.on('message', () => {
    globalThis.gc?.();
    const { user, system } = process.cpuUsage(last);
    last = process.cpuUsage();
    const usage: Usage = {
      cpu: user + system,
      rss: process.memoryUsage().rss,
      dropped: relay.stats().droppedPackets,
    };
    process.send?.(usage);
  });
  process.on('disconnect', () => process.exit());
}

async function measure(): Promise<void> {
  const child = fork(import.meta.filename, ['server'], { execArgv: ['--expose-gc'] });
  const next = <T>(): Promise<T> =>
    new Promise((resolve) => child.once('message', (told) => resolve(told as T)));
  const { port, certificate } = await next<Ready>();
  const usage = (): Promise<Usage> => {
    const answer = next<Usage>();
    child.send('usage');
    return answer;
  };
  const connect = (): Promise<TestRelayClient> =>
    connectRelay({ port, ca: certificate, servername: RELAY_NAME });

  const [from, to] = [await connect(), await connect()];
  const one = encodeFrame(0x04, Buffer.concat([to.keyRaw, Buffer.alloc(PACKET_BYTES, 4)]));
  await usage();
  let received = 0;
  let sent = 0;
  to.socket.removeAllListeners('data');
  const started = performance.now();
  const send = (): void => {
    if (performance.now() - started > RUN_MS) return;
    const count = WINDOW - (sent - Math.floor(received / RECV_FRAME_BYTES));
    if (count < WINDOW / 2) return;
    from.socket.write(Buffer.concat(new Array<Buffer>(count).fill(one)));
    sent += count;
  };
  to.socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
    send();
  });
  send();
  await sleep(RUN_MS + 500);
  const busy = await usage();
  const payload = Math.floor(received / RECV_FRAME_BYTES) * PACKET_BYTES;
  const seconds = RUN_MS / 1000;
  process.stdout.write(
    `relayed ${(payload / MIB / seconds).toFixed(1)} MiB/s, ${Math.round(payload / PACKET_BYTES / seconds)} packets/s of ${PACKET_BYTES} bytes, ` +
      `${(busy.cpu / 1e4 / seconds).toFixed(0)} % of one core in the relay, ${(busy.cpu / (payload / PACKET_BYTES)).toFixed(1)} µs a packet, dropped ${busy.dropped}\n`,
  );
  from.close();
  to.close();
  await sleep(500);

  const before = await usage();
  const idle: TestRelayClient[] = [];
  const connecting = performance.now();
  while (idle.length < IDLE_CLIENTS) {
    idle.push(...(await Promise.all(Array.from({ length: CONNECT_AT_ONCE }, connect))));
  }
  const perSecond = (IDLE_CLIENTS / (performance.now() - connecting)) * 1000;
  await sleep(1000);
  const after = await usage();
  process.stdout.write(
    `${IDLE_CLIENTS} idle clients: ${((after.rss - before.rss) / 1024 / IDLE_CLIENTS).toFixed(1)} KiB each, ` +
      `${(after.cpu / 1000 / IDLE_CLIENTS).toFixed(2)} ms of CPU to let one in, ${Math.round(perSecond)} a second\n`,
  );
  await usage();
  await sleep(10_000);
  const quiet = await usage();
  process.stdout.write(`idle: ${(quiet.cpu / 1e5).toFixed(2)} % of one core\n`);
  for (const client of idle) client.close();
  child.disconnect();
}

if (process.argv[2] === 'server') serveRelay();
else await measure();
