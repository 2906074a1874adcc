// A name server inside a namespace: namespace-names.ts ADDRESS NAME=IP… answers A questions over UDP and TCP.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [address = '127.0.0.1', ...pairs] = process.argv.slice(2);
const names = new Map(pairs.map((pair) => pair.split('=') as [string, string]));

const HEADER = 12;
const TYPE_A = 1;
const NAME_ERROR = 3;
const RESPONSE = 0x8580;

/** The question's name, and where the question ends. */
function question(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function answer(message: Buffer): Buffer {
  const { name, type, end } = question(message);
  const ip = names.get(name);
  const found = ip !== undefined && type === TYPE_A;
  const header = Buffer.from(message.subarray(0, HEADER));
  header.writeUInt16BE(RESPONSE | (ip === undefined ? NAME_ERROR : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found ? 1 : 0, 6);
  header.writeUInt32BE(0, 8);
  // A pointer to the name in the question, type A, class IN, a minute to live, four bytes.
  const record = Buffer.from([
    0xc0,
    HEADER,
    0,
    TYPE_A,
    0,
    1,
    0,
    0,
    0,
    60,
    0,
    4,
    ...(ip ?? '').split('.').map(Number),
  ]);
  return Buffer.concat([header, message.subarray(HEADER, end), ...(found ? [record] : [])]);
}

const udp = createSocket('udp4');
udp.on('message', (message, { port, address: from }) => udp.send(answer(message), port, from));
udp.bind(53, address);
createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (data) => {
    const reply = answer(data.subarray(2));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(reply.length);
    socket.write(Buffer.concat([length, reply]));
  });
}).listen(53, address, () => console.log('answering'));
