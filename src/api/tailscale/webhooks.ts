import { z } from 'zod';
import { decodeDecimalId, decodeExternalId, encodeExternalId } from '../../domain/ids/external-id.ts';
import type { Webhook } from '../../domain/webhooks/webhook-service.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody } from './body.ts';
import { BASE, type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { wireTime } from './times.ts';

const createBody = z.object({
  endpointUrl: z.string(),
  providerType: z.string().nullish(),
  subscriptions: z.array(z.string()),
});
/** What a command line in the field sends for an endpoint of no chat service. */
const NO_PROVIDER = 'generic';

const updateBody = z.object({ subscriptions: z.array(z.string()) });

const webhookWire = (webhook: Webhook, secret?: string) => ({
  endpointId: encodeExternalId('webhook', webhook.id),
  endpointUrl: webhook.url,
  providerType: webhook.providerType,
  // Nobody signs in as a client of the organization.
  creatorLoginName: webhook.byKind === 'membership' ? webhook.byName : '',
  created: wireTime(webhook.createdAt),
  lastModified: wireTime(webhook.updatedAt),
  subscriptions: webhook.subscriptions,
  ...(secret === undefined ? {} : { secret }),
});

function webhookId({ request }: GuardedCall): number {
  const text = pathText(request, 'endpointId');
  const id = decodeExternalId('webhook', text) ?? decodeDecimalId(text);
  if (id === undefined) throw notFound('webhook');
  return id;
}

export function webhookOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, webhooks } = services;
  const path = `${BASE}/webhooks/:endpointId`;
  return [
    {
      id: 'tailscale.webhooks.list',
      method: 'GET',
      path: `${TAILNET}/webhooks`,
      requires: 'webhooks:read',
      handle: inTailnet(organizations, async ({ actor }) => ({
        webhooks: (await webhooks.list(actor)).map((webhook) => webhookWire(webhook)),
      })),
    },
    {
      id: 'tailscale.webhooks.create',
      method: 'POST',
      path: `${TAILNET}/webhooks`,
      requires: 'webhooks:write',
      handle: inTailnet(organizations, async ({ actor, request }) => {
        const { endpointUrl, providerType, subscriptions } = jsonBody(request, createBody);
        const provider = providerType === NO_PROVIDER ? '' : (providerType ?? '');
        const input = { url: endpointUrl, providerType: provider, subscriptions };
        const { webhook, secret } = await webhooks.create(actor, input, ORIGIN);
        return webhookWire(webhook, secret);
      }),
    },
    {
      id: 'tailscale.webhooks.get',
      method: 'GET',
      path,
      requires: 'webhooks:read',
      handle: async (call) => webhookWire(await webhooks.get(call.actor, webhookId(call))),
    },
    {
      id: 'tailscale.webhooks.update',
      method: 'PATCH',
      path,
      requires: 'webhooks:write',
      handle: async (call) => {
        const { subscriptions } = jsonBody(call.request, updateBody);
        return webhookWire(
          await webhooks.setSubscriptions(call.actor, webhookId(call), subscriptions, ORIGIN),
        );
      },
    },
    {
      id: 'tailscale.webhooks.delete',
      method: 'DELETE',
      path,
      requires: 'webhooks:write',
      handle: async (call) => {
        await webhooks.remove(call.actor, webhookId(call), ORIGIN);
        return {};
      },
    },
    {
      id: 'tailscale.webhooks.test',
      method: 'POST',
      path: `${path}/test`,
      requires: 'webhooks:write',
      handle: async (call) => {
        await webhooks.test(call.actor, webhookId(call), ORIGIN);
        void call.reply.code(202);
        return {};
      },
    },
    {
      id: 'tailscale.webhooks.rotate',
      method: 'POST',
      path: `${path}/rotate`,
      requires: 'webhooks:write',
      handle: async (call) => {
        const { webhook, secret } = await webhooks.rotate(call.actor, webhookId(call), ORIGIN);
        return webhookWire(webhook, secret);
      },
    },
  ];
}
