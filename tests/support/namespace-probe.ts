// TCP inside a namespace, many ports at a time.
//   listen PORT…                        accepts on every port and sends "ok"
//   probe TIMEOUT_MS ADDRESS:PORT…      prints a JSON list: whether each said "ok" in time
import { connect, createServer } from 'node:net';

const [mode, ...rest] = process.argv.slice(2);

function listen(ports: readonly string[]): void {
  for (const port of ports) {
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end('ok');
    }).listen(Number(port), '::');
  }
}

function opens(target: string, timeoutMs: number): Promise<boolean> {
  const colon = target.lastIndexOf(':');
  return new Promise((resolve) => {
    const socket = connect({ host: target.slice(0, colon), port: Number(target.slice(colon + 1)) });
    const end = (open: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(open);
    };
    const timer = setTimeout(() => end(false), timeoutMs);
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
  });
}

if (mode === 'listen') listen(rest);
else if (mode === 'probe') {
  const [timeout, ...targets] = rest;
  const answers = await Promise.all(targets.map((target) => opens(target, Number(timeout))));
  process.stdout.write(JSON.stringify(answers));
} else {
  process.stderr.write('usage: listen PORT… | probe TIMEOUT_MS ADDRESS:PORT…\n');
  process.exitCode = 2;
}
