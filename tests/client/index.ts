// A control client for tests against a whole server: the protocol of a real client, in TypeScript, hundreds in a process.
//
//   const device = createTestDevice({ url, hostname: 'alpha', authKey });
//   await device.join();                                    // register, open the map stream, report as clients do
//   await device.waitFor((map) => peerNamed(map, 'beta')?.Online === true, 5000, 'beta online');
//   device.netmap().self, .peers, .dns, …; packetFilter(device.netmap()); device.messages(); device.counters
//   await device.update({ endpoints: ['192.0.2.9:41641'], homeDerp: 901 });
//   device.drop(); await device.reconnect(); await device.logout(); device.close();
//
// Step by step: register() gives the RegisterResponse as it came (Error, AuthURL, …); startMap() throws HttpStatusError where
// the server refuses. rotateNodeKey() and register({ oldNodeKey }) renew a key. send() makes any other request.

export type { ControlConnection } from './control-connection.ts';
export { type Netmap, packetFilter, peerNamed } from './netmap.ts';
export type { Answer } from './request.ts';
export { createTestDevice } from './test-device.ts';
export {
  type DeviceChanges,
  HttpStatusError,
  type MapCounters,
  type RegisterOptions,
  type TestDevice,
  type TestDeviceOptions,
} from './test-device-types.ts';
export {} from './zstd-frames.ts';
