// A small program that tests start before Pebble: it hands HTTPS requests on, and says in the answer to the last request of an
// order where the order is. Let's Encrypt's own server says so, Go clients rely on it, and Pebble leaves it out.
//   order-locations.ts CERT KEY HOST PORT TO-PORT
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';

const [certFile = '', keyFile = '', host = '', port = '', toPort = ''] = process.argv.slice(2);
const cert = readFileSync(certFile);
const FINALIZE = /^\/finalize-order\/(?<order>[^/]+)$/u;

createServer({ cert, key: readFileSync(keyFile) }, (asked, answer) => {
  const { method, url: path = '/', headers } = asked;
  // The host stays as it was asked for: the authority builds its addresses with it.
  const onward = request({ host, port: toPort, method, path, headers, ca: cert }, (came) => {
    const { order } = FINALIZE.exec(path)?.groups ?? {};
    const more = order === undefined ? {} : { location: `https://${headers.host}/my-order/${order}` };
    answer.writeHead(came.statusCode ?? 502, { ...came.headers, ...more });
    came.pipe(answer);
  });
  onward.on('error', (error) => answer.destroy(error));
  asked.pipe(onward);
}).listen(Number(port), host, () => console.log('listening'));
