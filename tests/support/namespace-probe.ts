// TCP inside a namespace, many ports at a time.
//   listen PORT…                        accepts on every port, sends "ok", then back what it gets
//   probe TIMEOUT_MS ADDRESS:PORT…      prints a JSON list: whether each said "ok" in time
//   hold EVERY_MS ADDRESS:PORT          sends a byte again and again over one connection; prints the time of each answer
import { connect, createServer } from 'node:net';

const [mode, ...rest] = process.argv.slice(2);

function listen(ports: readonly string[]): void {
  for (const port of ports) {
    createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write('ok');
      socket.pipe(socket);
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

function hold(everyMs: number, target: string): void {
  const colon = target.lastIndexOf(':');
  const socket = connect({ host: target.slice(0, colon), port: Number(target.slice(colon + 1)) });
  const timer = setInterval(() => socket.write('.'), everyMs);
  socket.on('data', () => process.stdout.write(`answer ${Date.now()}\n`));
  socket.on('error', () => undefined);
  socket.on('close', () => clearInterval(timer));
}

if (mode === 'listen') listen(rest);
else if (mode === 'hold') hold(Number(rest[0]), rest[1] ?? '');
else if (mode === 'probe') {
  const [timeout, ...targets] = rest;
  const answers = await Promise.all(targets.map((target) => opens(target, Number(timeout))));
  process.stdout.write(JSON.stringify(answers));
} else {
  process.stderr.write('usage: listen PORT… | probe TIMEOUT_MS ADDRESS:PORT… | hold EVERY_MS ADDRESS:PORT\n');
  process.exitCode = 2;
}
