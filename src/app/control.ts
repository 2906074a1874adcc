/** The control plane with what the installation's configuration says about it. */
import type { Logger } from 'pino';
import { type ControlPlane, createControlPlane } from '../control/control-plane.ts';
import type { DerpMap } from '../control/wire/index.ts';
import type { Challenges } from '../domain/certificates/challenge-service.ts';
import type { FlowLogIds } from '../domain/flow-logs/flow-log-ids.ts';
import { createEphemeralQuery } from '../store/queries/ephemeral-query.ts';
import { createPresenceQuery } from '../store/queries/presence-query.ts';
import type { Installation } from './installation.ts';
import type { ServerKeys } from './server-keys.ts';
import type { Services } from './services.ts';

export interface ControlParts {
  /** The relays of a device that reached this server at that address. */
  readonly derpMap: (localAddress: string) => DerpMap;
  readonly installation: Installation;
  readonly services: Services;
  readonly keys: ServerKeys;
  /** The origin that people open; undefined: the one that a device called. */
  readonly publicUrl: string | undefined;
  readonly flowLogIds: FlowLogIds;
  readonly challenges: Challenges;
  readonly log: Logger;
}

export function createControl({
  derpMap,
  installation,
  services,
  keys,
  publicUrl,
  flowLogIds,
  challenges,
  log,
}: ControlParts): ControlPlane {
  const { store, follower, clock, random, replica, joinPolicy, identityTokens } = services;
  return createControlPlane({
    store,
    follower,
    presenceQuery: createPresenceQuery(installation.engine),
    ephemeralQuery: createEphemeralQuery(installation.engine),
    clock,
    random,
    noisePrivateKey: keys.noisePrivateKey,
    replica,
    derpMap,
    policy: joinPolicy,
    identityTokens,
    publicUrl,
    flowLogIds,
    challenges,
    log,
    onError: (error) => log.warn({ err: error }, 'the control plane failed at a background task'),
  });
}
