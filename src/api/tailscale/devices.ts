import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { magicDnsSuffix } from '../../domain/organizations/names.ts';
import type { ExternalDevice } from '../../domain/shares/external-devices.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { jsonBody, queryOf, queryValue } from './body.ts';
import { routesWire } from './device-details-wire.ts';
import { deviceFilters, fitsQuery } from './device-filters.ts';
import { deviceOfPath } from './device-path.ts';
import { type DeviceWireContext, deviceJson, deviceListJson } from './device-wire.ts';
import { DEVICE, type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { organizationOf } from './tailnet.ts';

const routesBody = z.object({ routes: z.array(z.string()).nullable() });
const authorizedBody = z.object({ authorized: z.boolean() });
const nameBody = z.object({ name: z.string().nullish() });
const tagsBody = z.object({ tags: z.array(z.string()).nullish() });
const keyBody = z.object({ keyExpiryDisabled: z.boolean().nullish() });
const ipBody = z.object({ ipv4: z.string() });

const JSON_TYPE = 'application/json; charset=utf-8';

/** A device of another organization, under the name that it has there. */
const externalJson = ({ row, suffix }: ExternalDevice, context: DeviceWireContext): string =>
  deviceJson(row, { ...context, suffix, external: true, postureIdentity: false });

const isDetailed = ({ request }: GuardedCall): boolean => queryValue(request, 'fields') === 'all';

export function deviceOperations({ services, regionName }: TailscaleApiParts): Operation[] {
  const { organizations, deviceList, deviceAdmin, externalDevices, settings } = services;

  const wireContext = async (actor: Actor, detailed: boolean): Promise<DeviceWireContext> => {
    const organization = await organizationOf(organizations, actor);
    const posture = detailed
      ? await settings.get('setting', actor.org, { name: 'posture_identity_collection' })
      : undefined;
    return {
      suffix: magicDnsSuffix(organization),
      regionName,
      postureIdentity: posture?.value === true,
    };
  };

  return [
    {
      id: 'tailscale.devices.list',
      method: 'GET',
      path: `${TAILNET}/devices`,
      requires: 'devices:read',
      handle: inTailnet(organizations, async (call) => {
        const { actor, reply, request } = call;
        const detailed = isDetailed(call);
        const context = await wireContext(actor, detailed);
        const filters = deviceFilters(queryOf(request), context.suffix);
        const devices = filters === undefined ? [] : await deviceList.list(actor, { filters, detailed });
        const external = (await externalDevices.list(actor, { detailed }))
          .map((device) => externalJson(device, context))
          .filter((json) => fitsQuery(json, queryOf(request)));
        void reply.header('content-type', JSON_TYPE);
        return deviceListJson(devices, context, external);
      }),
    },
    {
      id: 'tailscale.devices.get',
      method: 'GET',
      path: DEVICE,
      requires: 'devices:read',
      handle: async (call) => {
        const detailed = isDetailed(call);
        const id = deviceOfPath(call);
        const context = await wireContext(call.actor, detailed);
        void call.reply.header('content-type', JSON_TYPE);
        if (await externalDevices.has(call.actor, id)) {
          return externalJson(await externalDevices.get(call.actor, id, { detailed }), context);
        }
        return deviceJson(await deviceList.get(call.actor, id, { detailed }), context);
      },
    },
    {
      id: 'tailscale.devices.delete',
      method: 'DELETE',
      path: DEVICE,
      requires: 'devices:write',
      handle: async (call) => {
        const id = deviceOfPath(call);
        if (await externalDevices.has(call.actor, id)) {
          throw new AppError('not_implemented', 'cannot delete devices outside of your tailnet');
        }
        await deviceAdmin.remove(call.actor, id, ORIGIN);
        return '';
      },
    },
    {
      id: 'tailscale.devices.expire',
      method: 'POST',
      path: `${DEVICE}/expire`,
      requires: 'devices:write',
      handle: async (call) => {
        await deviceAdmin.expire(call.actor, deviceOfPath(call), ORIGIN);
        return '';
      },
    },
    {
      id: 'tailscale.devices.routes.get',
      method: 'GET',
      path: `${DEVICE}/routes`,
      requires: 'routes:read',
      handle: async (call) => routesWire(await deviceAdmin.routes(call.actor, deviceOfPath(call))),
    },
    {
      id: 'tailscale.devices.routes.set',
      method: 'POST',
      path: `${DEVICE}/routes`,
      requires: 'routes:write',
      handle: async (call) => {
        const { routes } = jsonBody(call.request, routesBody);
        return routesWire(await deviceAdmin.setRoutes(call.actor, deviceOfPath(call), routes ?? [], ORIGIN));
      },
    },
    {
      id: 'tailscale.devices.authorized.set',
      method: 'POST',
      path: `${DEVICE}/authorized`,
      requires: 'devices:write',
      handle: async (call) => {
        const { authorized } = jsonBody(call.request, authorizedBody);
        await deviceAdmin.setAuthorized(call.actor, deviceOfPath(call), authorized, ORIGIN);
        return {};
      },
    },
    {
      id: 'tailscale.devices.name.set',
      method: 'POST',
      path: `${DEVICE}/name`,
      requires: 'devices:write',
      handle: async (call) => {
        const { name } = jsonBody(call.request, nameBody);
        await deviceAdmin.rename(call.actor, deviceOfPath(call), name ?? '', ORIGIN);
        return {};
      },
    },
    {
      id: 'tailscale.devices.tags.set',
      method: 'POST',
      path: `${DEVICE}/tags`,
      requires: 'devices:write',
      handle: async (call) => {
        const { tags } = jsonBody(call.request, tagsBody);
        await deviceAdmin.setTags(call.actor, deviceOfPath(call), tags ?? [], ORIGIN);
        return {};
      },
    },
    {
      id: 'tailscale.devices.key.set',
      method: 'POST',
      path: `${DEVICE}/key`,
      requires: 'devices:write',
      handle: async (call) => {
        const { keyExpiryDisabled } = jsonBody(call.request, keyBody);
        const id = deviceOfPath(call);
        if (typeof keyExpiryDisabled === 'boolean') {
          await deviceAdmin.setKeyExpiryDisabled(call.actor, id, keyExpiryDisabled, ORIGIN);
        } else {
          await deviceList.get(call.actor, id, { detailed: false });
        }
        return {};
      },
    },
    {
      id: 'tailscale.devices.ip.set',
      method: 'POST',
      path: `${DEVICE}/ip`,
      requires: 'devices:write',
      handle: async (call) => {
        const { ipv4 } = jsonBody(call.request, ipBody);
        await deviceAdmin.setIpv4(call.actor, deviceOfPath(call), ipv4, ORIGIN);
        return {};
      },
    },
  ];
}
