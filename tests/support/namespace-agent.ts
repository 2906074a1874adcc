// A small program that tests start inside a network namespace, where they are not themselves:
//   echo PORT                answers each TCP connection with what it gets
//   dial HOST PORT TEXT [MS] sends TEXT to an echo server and prints the answer; gives up after MS (10000)
//   chatter HOST PORT        keeps sending to an echo server, and prints the time (ms since 1970) of each answer
//   unwrap CERT KEY FROM-HOST FROM-PORT HOST PORT  takes TLS connections and hands what is in them on to TCP
//   https URL CA-FILE        prints what an HTTPS server answers whose certificate is good by that authority
//   forward SOCKET HOST PORT lets through connections from a Unix socket, which namespaces do not separate, to TCP
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect, createServer } from 'node:net';
import { text as wholeText } from 'node:stream/consumers';
import { createServer as createTlsServer } from 'node:tls';

const DIAL_TIMEOUT_MS = 10_000;
const CHATTER_MS = 20;

const [mode, ...args] = process.argv.slice(2);
switch (mode) {
  case 'echo':
    createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(Number(args[0]));
    break;
  case 'dial':
    dial(args[0] ?? '', Number(args[1]), args[2] ?? '', Number(args[3] ?? DIAL_TIMEOUT_MS));
    break;
  case 'chatter':
    chatter(args[0] ?? '', Number(args[1]));
    break;
  case 'forward':
    forward(args[0] ?? '', args[1] ?? '', Number(args[2]));
    break;
  case 'https':
    https(args[0] ?? '', args[1] ?? '');
    break;
  case 'unwrap':
    unwrap(args[0] ?? '', args[1] ?? '', [args[2] ?? '', Number(args[3])], [args[4] ?? '', Number(args[5])]);
    break;
  default:
    console.error(`there is no mode ${mode}`);
    process.exitCode = 2;
}

function chatter(host: string, port: number): void {
  const socket = connect({ host, port });
  socket.setNoDelay(true);
  socket.on('connect', () => setInterval(() => socket.write('.'), CHATTER_MS));
  socket.on('data', () => console.log(Date.now()));
  socket.on('error', (error) => console.error(error.message));
}

function dial(host: string, port: number, text: string, timeoutMs: number): void {
  const socket = connect({ host, port });
  let answer = '';
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error('timed out')));
  socket.on('connect', () => socket.end(text));
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.on('end', () => console.log(answer));
  socket.on('error', (error) => {
    console.error(`${host}:${port}: ${error.message}`);
    process.exitCode = 1;
  });
}

function https(url: string, caFile: string): void {
  const asking = get(url, { ca: readFileSync(caFile), timeout: DIAL_TIMEOUT_MS }, async (response) => {
    console.log(await wholeText(response));
  });
  asking.on('timeout', () => asking.destroy(new Error('timed out')));
  asking.on('error', (error) => {
    console.error(`${url}: ${error.message}`);
    process.exitCode = 1;
  });
}

function unwrap(
  certFile: string,
  keyFile: string,
  [fromHost, fromPort]: readonly [string, number],
  [host, port]: readonly [string, number],
): void {
  const files = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  createTlsServer({ ...files, ALPNProtocols: ['http/1.1'] }, (near) => {
    const far = connect({ host, port });
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  }).listen(fromPort, fromHost);
}

function forward(path: string, host: string, port: number): void {
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host, port, allowHalfOpen: true });
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(path);
}
