import { z } from 'zod';
import { decodeDecimalId, decodeExternalId, encodeExternalId } from '../../domain/ids/external-id.ts';
import type {
  IntegrationSettings,
  PostureIntegration,
} from '../../domain/posture/posture-integration-service.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody } from './body.ts';
import {
  BASE,
  type GuardedCall,
  type Handle,
  inTailnet,
  ORIGIN,
  TAILNET,
  type TailscaleApiParts,
} from './parts.ts';
import { wireTime } from './times.ts';

const text = z.string().nullish();
const settingsBody = z.object({ cloudId: text, clientId: text, tenantId: text, clientSecret: text });
const createBody = settingsBody.extend({ provider: z.string() });

const integrationWire = (integration: PostureIntegration) => ({
  id: encodeExternalId('postureIntegration', integration.id),
  provider: integration.provider,
  cloudId: integration.cloudId,
  clientId: integration.clientId,
  tenantId: integration.tenantId,
  configUpdated: wireTime(integration.configUpdated),
  ...(integration.status === null ? {} : { status: integration.status }),
});

function integrationId({ request }: GuardedCall): number {
  const given = pathText(request, 'integrationId');
  const id = decodeExternalId('postureIntegration', given) ?? decodeDecimalId(given);
  if (id === undefined) throw notFound('posture integration');
  return id;
}

/** Only what the body has; null is as good as absent. */
function given(body: z.output<typeof settingsBody>): Partial<IntegrationSettings> {
  return Object.fromEntries(
    Object.entries({
      cloudId: body.cloudId,
      clientId: body.clientId,
      tenantId: body.tenantId,
      clientSecret: body.clientSecret,
    }).filter(([, value]) => typeof value === 'string'),
  );
}

export function postureOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, postureIntegrations } = services;
  const path = `${BASE}/posture/integrations/:integrationId`;
  const list = `${TAILNET}/posture/integrations`;
  const update: Handle = async (call) => {
    const settings = given(jsonBody(call.request, settingsBody));
    return integrationWire(
      await postureIntegrations.update(call.actor, integrationId(call), settings, ORIGIN),
    );
  };
  return [
    {
      id: 'tailscale.posture.list',
      method: 'GET',
      path: list,
      requires: 'posture-integrations:read',
      handle: inTailnet(organizations, async ({ actor }) => ({
        integrations: (await postureIntegrations.list(actor)).map(integrationWire),
      })),
    },
    {
      id: 'tailscale.posture.create',
      method: 'POST',
      path: list,
      requires: 'posture-integrations:write',
      handle: inTailnet(organizations, async ({ actor, request }) => {
        const body = jsonBody(request, createBody);
        const settings = { cloudId: '', clientId: '', tenantId: '', clientSecret: '', ...given(body) };
        return integrationWire(await postureIntegrations.create(actor, body.provider, settings, ORIGIN));
      }),
    },
    {
      id: 'tailscale.posture.get',
      method: 'GET',
      path,
      requires: 'posture-integrations:read',
      handle: async (call) => integrationWire(await postureIntegrations.get(call.actor, integrationId(call))),
    },
    {
      id: 'tailscale.posture.update',
      method: 'PATCH',
      path,
      requires: 'posture-integrations:write',
      handle: update,
    },
    {
      // One client in the field puts the tailnet in front.
      id: 'tailscale.posture.update-in-tailnet',
      method: 'PATCH',
      path: `${list}/:integrationId`,
      requires: 'posture-integrations:write',
      handle: inTailnet(organizations, update),
    },
    {
      id: 'tailscale.posture.delete',
      method: 'DELETE',
      path,
      requires: 'posture-integrations:write',
      handle: async (call) => {
        await postureIntegrations.remove(call.actor, integrationId(call), ORIGIN);
        return {};
      },
    },
  ];
}
