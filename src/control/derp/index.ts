/** The embedded relay (DERP) with what belongs to it: STUN, its certificate, and the map that tells devices of it. */
export { type Admission, createAdmission } from './admission.ts';
export { certificatePin, isUsable, makeCertificate, type RelayCertificate } from './certificate.ts';
export type { RelayServer, RelayStats } from './contract.ts';
export { derpMapOf, RELAY_NAME } from './derp-map.ts';
export { handleRelayRequest, relayAnswer } from './helpers.ts';
export { createRelayServer } from './relay-server.ts';
export { type StunListener, startStun } from './stun-listener.ts';
