/** Services, under both names that clients have for their path. */
import { z } from 'zod';
import { encodeExternalId } from '../../domain/ids/external-id.ts';
import type { Row } from '../../domain/model/entities.ts';
import { READ_HOSTS, type ServiceView, WRITE_HOSTS } from '../../domain/services/vip-service.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody } from './body.ts';
import { deviceOfPath } from './device-path.ts';
import { type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';

const texts = z.array(z.string()).nullish();
const serviceBody = z.object({
  name: z.string().nullish(),
  displayName: z.string().nullish(),
  addrs: texts,
  comment: z.string().nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
  ports: texts,
  tags: texts,
});
const approvedBody = z.object({ approved: z.boolean() });

const serviceWire = (service: ServiceView) => ({
  name: service.name,
  ...(service.displayName === '' ? {} : { displayName: service.displayName }),
  addrs: service.addresses,
  ...(service.comment === '' ? {} : { comment: service.comment }),
  ...(Object.keys(service.annotations).length === 0 ? {} : { annotations: service.annotations }),
  ports: service.ports,
  ...(service.tags.length === 0 ? {} : { tags: service.tags }),
});

function hostWire({ device, approval }: Row<'serviceHost'>): object {
  const nodeId = encodeExternalId('device', device);
  return { stableNodeID: nodeId, nodeId, approvalLevel: approval, configured: 'ready' };
}

const approvalWire = (host: Row<'serviceHost'> | undefined) => ({
  approved: host !== undefined && host.approval !== 'not-approved',
  autoApproved: host?.approval === 'approved:auto',
});

const serviceName = ({ request }: GuardedCall): string => pathText(request, 'serviceName');

function operationsUnder(base: string, { services }: TailscaleApiParts): Operation[] {
  const { organizations, vipServices } = services;
  const path = `${TAILNET}/${base}/:serviceName`;
  const approvedPath = `${path}/device/:deviceId/approved`;
  const id = (name: string): string => `tailscale.${base}.${name}`;
  return [
    {
      id: id('list'),
      method: 'GET',
      path: `${TAILNET}/${base}`,
      requires: 'services:read',
      handle: inTailnet(organizations, async ({ actor }) => ({
        vipServices: (await vipServices.list(actor)).map(serviceWire),
      })),
    },
    {
      id: id('get'),
      method: 'GET',
      path,
      requires: 'services:read',
      handle: inTailnet(organizations, async (call) =>
        serviceWire(await vipServices.get(call.actor, serviceName(call))),
      ),
    },
    {
      id: id('put'),
      method: 'PUT',
      path,
      requires: 'services:write',
      handle: inTailnet(organizations, async (call) => {
        const body = jsonBody(call.request, serviceBody);
        const name = serviceName(call);
        const input = {
          name: body.name || name,
          displayName: body.displayName ?? '',
          addresses: body.addrs ?? [],
          comment: body.comment ?? '',
          annotations: body.annotations ?? {},
          ports: body.ports ?? [],
          tags: body.tags ?? [],
        };
        return serviceWire(await vipServices.put(call.actor, name, input, ORIGIN));
      }),
    },
    {
      id: id('delete'),
      method: 'DELETE',
      path,
      requires: 'services:write',
      handle: inTailnet(organizations, async (call) => {
        await vipServices.remove(call.actor, serviceName(call), ORIGIN);
        return {};
      }),
    },
    {
      id: id('devices'),
      method: 'GET',
      path: `${path}/devices`,
      requires: READ_HOSTS,
      handle: inTailnet(organizations, async (call) => ({
        hosts: (await vipServices.hosts(call.actor, serviceName(call))).map(hostWire),
      })),
    },
    {
      id: id('approved.get'),
      method: 'GET',
      path: approvedPath,
      requires: READ_HOSTS,
      handle: inTailnet(organizations, async (call) =>
        approvalWire(await vipServices.approval(call.actor, serviceName(call), deviceOfPath(call))),
      ),
    },
    {
      id: id('approved.set'),
      method: 'POST',
      path: approvedPath,
      requires: WRITE_HOSTS,
      handle: inTailnet(organizations, async (call) => {
        const { approved } = jsonBody(call.request, approvedBody);
        const name = serviceName(call);
        return approvalWire(
          await vipServices.setApproved(call.actor, name, deviceOfPath(call), approved, ORIGIN),
        );
      }),
    },
  ];
}

export const vipServiceOperations = (parts: TailscaleApiParts): Operation[] => [
  ...operationsUnder('vip-services', parts),
  ...operationsUnder('services', parts),
];
