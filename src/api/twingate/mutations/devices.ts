import type { DeviceStanding } from '../../../domain/devices/device-standing.ts';
import type { RootField } from '../queries.ts';
import { idOf, ORIGIN, textsOf } from './arguments.ts';

const standing = (
  fact: Exclude<keyof DeviceStanding, 'addSerials' | 'removeSerials'>,
  value: boolean,
): RootField => ({
  requires: 'devices:write',
  resolve: async (args, { actor, services }) => ({
    entity: await services.deviceStanding[fact](actor, idOf(args, 'id', 'Device'), value, ORIGIN),
  }),
});

export const deviceMutations: Readonly<Record<string, RootField>> = {
  deviceUpdate: {
    requires: 'devices:write',
    resolve: async (args, { actor, services }) => ({
      entity: await services.deviceStanding.setTrusted(
        actor,
        idOf(args, 'id', 'Device'),
        args.isTrusted === true,
        ORIGIN,
      ),
    }),
  },
  deviceArchive: standing('setArchived', true),
  deviceUnarchive: standing('setArchived', false),
  deviceBlock: standing('setBlocked', true),
  deviceUnblock: standing('setBlocked', false),
  serialNumbersCreate: {
    requires: 'devices:write',
    resolve: async (args, { actor, services }) => ({
      entities: await services.deviceStanding.addSerials(actor, textsOf(args, 'serialNumbers') ?? [], ORIGIN),
    }),
  },
  serialNumbersDelete: {
    requires: 'devices:write',
    resolve: async (args, { actor, services }) => {
      await services.deviceStanding.removeSerials(actor, textsOf(args, 'serialNumbers') ?? [], ORIGIN);
      return {};
    },
  },
};
