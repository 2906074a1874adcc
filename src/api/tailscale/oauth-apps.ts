import { z } from 'zod';
import { decodeDecimalId, decodeExternalId, encodeExternalId } from '../../domain/ids/external-id.ts';
import type { OauthApp, OauthAppSettings } from '../../domain/oauth-apps/oauth-app-service.ts';
import { notFound } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { jsonBody } from './body.ts';
import { type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { wireTime } from './times.ts';

const body = z.object({
  name: z.string(),
  description: z.string().nullish(),
  redirectURIs: z.array(z.string()),
  scopes: z.array(z.string()),
  allowedNodeAttributes: z.array(z.string()).nullish(),
});

const wanted = (given: z.output<typeof body>): OauthAppSettings => ({
  name: given.name,
  description: given.description ?? '',
  redirectUris: given.redirectURIs,
  scopes: given.scopes,
  allowedNodeAttributes: given.allowedNodeAttributes ?? [],
});

const appWire = (app: OauthApp, secret?: string): object => ({
  id: encodeExternalId('oauthApp', app.id),
  name: app.name,
  description: app.description,
  redirectURIs: app.redirectUris,
  scopes: app.scopes,
  allowedNodeAttributes: app.allowedNodeAttributes,
  ...(secret === undefined ? {} : { clientSecret: secret }),
  created: wireTime(app.createdAt),
  updated: wireTime(app.updatedAt),
});

function appId({ request }: GuardedCall): number {
  const text = pathText(request, 'appId');
  const id = decodeExternalId('oauthApp', text) ?? decodeDecimalId(text);
  if (id === undefined) throw notFound('OAuth app');
  return id;
}

export function oauthAppOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations, oauthApps } = services;
  const list = `${TAILNET}/oauth-apps`;
  const path = `${list}/:appId`;
  return [
    {
      id: 'tailscale.oauth-apps.list',
      method: 'GET',
      path: list,
      requires: 'oauth-apps:read',
      handle: inTailnet(organizations, async ({ actor }) => ({
        oauthApps: (await oauthApps.list(actor)).map((app) => appWire(app)),
      })),
    },
    {
      id: 'tailscale.oauth-apps.create',
      method: 'POST',
      path: list,
      requires: 'oauth-apps:write',
      handle: inTailnet(organizations, async ({ actor, request }) => {
        const { app, secret } = await oauthApps.create(actor, wanted(jsonBody(request, body)), ORIGIN);
        return appWire(app, secret);
      }),
    },
    {
      id: 'tailscale.oauth-apps.get',
      method: 'GET',
      path,
      requires: 'oauth-apps:read',
      handle: inTailnet(organizations, async (call) => appWire(await oauthApps.get(call.actor, appId(call)))),
    },
    {
      id: 'tailscale.oauth-apps.replace',
      method: 'PUT',
      path,
      requires: 'oauth-apps:write',
      handle: inTailnet(organizations, async (call) => {
        const settings = wanted(jsonBody(call.request, body));
        return appWire(await oauthApps.replace(call.actor, appId(call), settings, ORIGIN));
      }),
    },
    {
      id: 'tailscale.oauth-apps.delete',
      method: 'DELETE',
      path,
      requires: 'oauth-apps:write',
      handle: inTailnet(organizations, async (call) => {
        await oauthApps.remove(call.actor, appId(call), ORIGIN);
        return {};
      }),
    },
  ];
}
