// The way of a client's request to the control plane: HTTP/1.1 upgrade on /ts2021, Noise on the socket, HTTP/2 inside.
//
//   const readBody = createBodyReader();                     // one a process
//   const transport = createControlTransport({
//     machineKey: importPrivateKey(raw32),                   // from ../noise
//     onRequest: async (context, stream, headers) => {
//       const body = await readBody(stream);                 // Buffer; throws BodyError (too-large 413, timeout 408, …)
//       stream.respond({ ':status': 200, 'content-type': 'application/json' });
//       stream.end(JSON.stringify(answer));
//     },
//     limits: { maxConnections: 20_000 },
//     log,
//   });
//   httpServer.on('upgrade', (request, socket, head) => transport.handleUpgrade(request, socket, head));
//   route('GET /key', (query) => transport.keyResponse(query.v));
//   route('* /ts2021', () => NO_UPGRADE);                  // requests there that ask for no upgrade
//   await transport.drain(10_000); transport.close();
//
// `context` = { machineKey: 'mkey:…', capver, remoteAddress, connectionId }. A client may hold several connections with one
// machine key and several requests on each; some requests are GET with a body. A streamed answer: `stream.respond(…)`, then
// one `stream.write(message)` a message; when it returns false, merge what is waiting until 'drain'.

export { BodyError, type BodyErrorCode, type BodyLimits, type BodyReader, createBodyReader } from './body.ts';
export type * from './contract.ts';
export { createControlTransport } from './control-transport.ts';
export { NO_UPGRADE } from './upgrade.ts';
