import { z } from 'zod';
import type { AttributeChanges, NewAttribute } from '../../domain/devices/attribute-rows.ts';
import type { DeviceAttributes } from '../../domain/devices/attribute-service.ts';
import { invalid, notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody } from './body.ts';
import { deviceOfPath } from './device-path.ts';
import { DEVICE, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { deviceIdOf } from './tailnet.ts';
import { parseWireTime, wireTime, ZERO_TIME } from './times.ts';

const value = z.union([z.string(), z.number(), z.boolean()], {
  error: 'expected a string, a number or a boolean',
});
const attribute = z.object({ value, expiry: z.string().nullish() });
const setBody = attribute.extend({ comment: z.string().nullish() });
const batchBody = z.object({
  nodes: z.record(z.string(), z.record(z.string(), attribute.nullable())),
  comment: z.string().nullish(),
});

/** The zero time, which Go sends for none, is none. */
function newAttribute({ value, expiry }: z.output<typeof attribute>): NewAttribute {
  if (expiry === null || expiry === undefined || expiry === '' || expiry === ZERO_TIME) {
    return { value, expiresAt: null };
  }
  const expiresAt = parseWireTime(expiry);
  if (expiresAt === undefined) throw invalid('expiry: expected an RFC 3339 time', 'expiry');
  return { value, expiresAt };
}

const attributesWire = ({ values, expiries }: DeviceAttributes) => ({
  attributes: values,
  expiries: Object.fromEntries(Object.entries(expiries).map(([key, at]) => [key, wireTime(at)])),
});

export function attributeOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, attributes } = services;
  const path = `${DEVICE}/attributes`;
  return [
    {
      id: 'tailscale.attributes.get',
      method: 'GET',
      path,
      requires: 'attributes:read',
      handle: async (call) => attributesWire(await attributes.read(call.actor, deviceOfPath(call))),
    },
    {
      id: 'tailscale.attributes.set',
      method: 'POST',
      path: `${path}/:attributeKey`,
      requires: 'attributes:write',
      handle: async (call) => {
        const body = jsonBody(call.request, setBody);
        const device = deviceOfPath(call);
        const changes: AttributeChanges = {
          [pathText(call.request, 'attributeKey')]: newAttribute(body),
        };
        await attributes.change(call.actor, new Map([[device, changes]]), body.comment ?? '', ORIGIN);
        return attributesWire(await attributes.read(call.actor, device));
      },
    },
    {
      id: 'tailscale.attributes.delete',
      method: 'DELETE',
      path: `${path}/:attributeKey`,
      requires: 'attributes:write',
      handle: async (call) => {
        const changes: AttributeChanges = { [pathText(call.request, 'attributeKey')]: null };
        await attributes.change(call.actor, new Map([[deviceOfPath(call), changes]]), '', ORIGIN);
        return {};
      },
    },
    {
      id: 'tailscale.attributes.batch',
      method: 'PATCH',
      path: `${TAILNET}/device-attributes`,
      requires: 'attributes:write',
      handle: inTailnet(organizations, async ({ actor, request, reply }) => {
        const { nodes, comment } = jsonBody(request, batchBody);
        const changes = new Map<number, AttributeChanges>();
        for (const [node, wanted] of Object.entries(nodes)) {
          const device = deviceIdOf(node);
          if (device === undefined) throw notFound('device');
          const entries = Object.entries(wanted).map(([key, change]) => [
            key,
            change === null ? null : newAttribute(change),
          ]);
          changes.set(device, { ...changes.get(device), ...Object.fromEntries(entries) });
        }
        await attributes.change(actor, changes, comment ?? '', ORIGIN);
        void reply.header('content-type', 'application/json');
        return 'null';
      }),
    },
  ];
}
