import type { Queries } from '../../domain/ports/queries.ts';
import type { Engine } from '../engine.ts';
import { createDevicesQuery } from './devices.ts';
import { createCurrentPolicyQuery } from './policies.ts';

export const createQueries = (engine: Engine): Queries => ({
  devices: createDevicesQuery(engine),
  currentPolicy: createCurrentPolicyQuery(engine),
});
