// A way to one of several servers that can be laid anew, as a balancer of connections does it for a device.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Switch {
  readonly url: string;
  /** Where new connections go from now on. Open ones stay. */
  readonly to: (origin: string) => void;
  readonly close: () => void;
}

export async function createSwitch(origin: string): Promise<Switch> {
  let target = new URL(origin);
  const open = new Set<Socket>();
  const server = createServer((from) => {
    const onward = connect(Number(target.port), target.hostname);
    for (const [end, other] of [
      [from, onward],
      [onward, from],
    ] as const) {
      open.add(end);
      // What breaks on one side breaks on the other.
      end.on('error', () => other.destroy());
      end.on('close', () => {
        open.delete(end);
        other.destroy();
      });
    }
    from.pipe(onward).pipe(from);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    to: (next) => {
      target = new URL(next);
    },
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
