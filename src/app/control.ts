/** The control plane with what the installation's configuration says about it. */
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { ServeConfig } from '../config/config.ts';
import { type ControlPlane, createControlPlane } from '../control/control-plane.ts';
import { createAllowAllView } from '../control/map/allow-all-view.ts';
import type { DerpMap } from '../control/wire/index.ts';
import type { JoinPolicy } from '../domain/devices/join-types.ts';
import { AppError } from '../kernel/errors.ts';
import { parseValue } from '../kernel/hujson/index.ts';
import { createPresenceQuery } from '../store/queries/presence-query.ts';
import type { Installation } from './installation.ts';
import type { ServerKeys } from './server-keys.ts';
import type { Services } from './services.ts';

export interface ControlParts {
  readonly config: ServeConfig;
  readonly installation: Installation;
  readonly services: Services;
  readonly keys: ServerKeys;
  readonly log: Logger;
}

/** Without relays devices reach each other where a direct path exists. */
const NO_RELAYS: DerpMap = { Regions: {} };

/** The policy allows everything between devices; it grants no tags and approves no routes. */
const CLOSED_JOIN_POLICY: JoinPolicy = {
  mayRequestTags: async () => false,
  autoApproved: async () => new Set(),
};

function readDerpMap(file: string | undefined): DerpMap {
  if (file === undefined) return NO_RELAYS;
  let value: unknown;
  try {
    value = parseValue(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new AppError('invalid', `the relay map ${file} cannot be read: ${String(error)}`, {
      field: 'derp-map',
    });
  }
  if (value === null || typeof value !== 'object' || !('Regions' in value)) {
    throw new AppError('invalid', `the relay map ${file} has no "Regions"`, { field: 'derp-map' });
  }
  return value as DerpMap;
}

export function createControl({ config, installation, services, keys, log }: ControlParts): ControlPlane {
  const { store, follower, clock, random, replica } = services;
  const derpMap = readDerpMap(config.derpMapFile);
  return createControlPlane({
    store,
    follower,
    presenceQuery: createPresenceQuery(installation.engine),
    clock,
    random,
    noisePrivateKey: keys.noisePrivateKey,
    replica,
    derpMap: () => derpMap,
    policy: CLOSED_JOIN_POLICY,
    createView: createAllowAllView,
    log,
    onError: (error) => log.warn({ err: error }, 'the control plane failed at a background task'),
  });
}
