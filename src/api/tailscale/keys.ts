import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import { READ_ANY_KEY } from '../../domain/credentials/key-list.ts';
import type { CreatedKey } from '../../domain/credentials/key-service.ts';
import { CREDENTIAL_FAMILIES, FAMILY_PERMISSIONS, familyOf } from '../../domain/credentials/kinds.ts';
import { invalid } from '../../kernel/errors.ts';
import type { Operation } from '../shared/operation.ts';
import { pathText } from '../shared/parameters.ts';
import { isTrue, jsonBody, queryValue, textBody } from './body.ts';
import { keyWire } from './key-wire.ts';
import { type GuardedCall, inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';
import { tailnetId } from './tailnet.ts';

const texts = z.array(z.string()).nullish();
const description = z.string().nullish();

const capabilities = z.object({
  devices: z.object({
    create: z
      .object({
        reusable: z.boolean().nullish(),
        ephemeral: z.boolean().nullish(),
        preauthorized: z.boolean().nullish(),
        tags: texts,
      })
      .nullish(),
  }),
});
const typeBody = z.object({ keyType: z.string().nullish() });
const authBody = z.object({
  description,
  expirySeconds: z.number().int().nullish(),
  capabilities: z.unknown().optional(),
});
const clientBody = z.object({ description, scopes: texts, tags: texts });
const federatedBody = clientBody.extend({
  issuer: z.string(),
  subject: z.string(),
  audience: z.string().nullish(),
  customClaimRules: z.record(z.string(), z.string()).nullish(),
});

const WRITE_ANY_KEY = CREDENTIAL_FAMILIES.map((family) => FAMILY_PERMISSIONS[family].write);

/** Whatever is wrong with the capabilities of a key, or with the whole of its body, the vendor's answer is this one. */
const noCapability = () => invalid('exactly one capability scope must be populated', 'capabilities');

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value);
  } catch {
    return false;
  }
}

const authKeyOf = (call: GuardedCall) => {
  const body = jsonBody(call.request, authBody);
  const parsed = capabilities.safeParse(body.capabilities);
  if (!parsed.success) throw noCapability();
  const { create } = parsed.data.devices;
  return {
    description: body.description ?? '',
    ...(typeof body.expirySeconds === 'number' ? { expirySeconds: body.expirySeconds } : {}),
    reusable: create?.reusable ?? false,
    ephemeral: create?.ephemeral ?? false,
    preauthorized: create?.preauthorized ?? false,
    tags: create?.tags ?? [],
  };
};

const clientOf = (body: z.output<typeof clientBody>) => ({
  description: body.description ?? '',
  scopes: body.scopes ?? [],
  tags: body.tags ?? [],
});
const federationOf = (body: z.output<typeof federatedBody>) => ({
  ...clientOf(body),
  issuer: body.issuer,
  subject: body.subject,
  audience: body.audience ?? undefined,
  claims: body.customClaimRules ?? {},
});

export function keyOperations({ services, clock }: TailscaleApiParts): Operation[] {
  const { organizations, keys, keyList } = services;

  /** `api.<host>/<tailnet>-<key>`: nobody else's token is made out to it. */
  const audienceFor = (actor: Actor, call: GuardedCall) => (publicId: string) =>
    `api.${call.request.hostname}/${tailnetId(actor.org)}-${publicId}`;

  const create = (call: GuardedCall): Promise<CreatedKey> => {
    const { actor, request } = call;
    if (!isObject(textBody(request))) throw noCapability();
    const { keyType } = jsonBody(request, typeBody);
    switch (keyType ?? 'auth') {
      case '':
      case 'auth':
        return keys.createAuthKey(actor, authKeyOf(call), ORIGIN);
      case 'client':
        return keys.createClient(actor, clientOf(jsonBody(request, clientBody)), ORIGIN);
      case 'federated': {
        const input = federationOf(jsonBody(request, federatedBody));
        return keys.createFederated(actor, input, audienceFor(actor, call), ORIGIN);
      }
      default:
        throw invalid('keyType must be one of auth, client, federated', 'keyType');
    }
  };

  const keyPath = `${TAILNET}/keys/:keyId`;
  const keyId = (call: GuardedCall): string => pathText(call.request, 'keyId');
  return [
    {
      id: 'tailscale.keys.list',
      method: 'GET',
      path: `${TAILNET}/keys`,
      requires: { anyOf: READ_ANY_KEY },
      handle: inTailnet(organizations, async ({ actor, request }) => {
        const which = isTrue(queryValue(request, 'all')) ? 'all' : 'own';
        const found = await keyList.list(actor, which);
        const now = clock.now();
        return { keys: found.map((key) => keyWire(key, now)) };
      }),
    },
    {
      id: 'tailscale.keys.create',
      method: 'POST',
      path: `${TAILNET}/keys`,
      requires: { anyOf: WRITE_ANY_KEY },
      handle: inTailnet(organizations, async (call) => {
        const { key, token } = await create(call);
        return keyWire(key, clock.now(), token);
      }),
    },
    {
      id: 'tailscale.keys.get',
      method: 'GET',
      path: keyPath,
      requires: 'authenticated',
      handle: inTailnet(organizations, async (call) =>
        keyWire(await keys.get(call.actor, keyId(call)), clock.now()),
      ),
    },
    {
      id: 'tailscale.keys.replace',
      method: 'PUT',
      path: keyPath,
      requires: { anyOf: WRITE_ANY_KEY },
      handle: inTailnet(organizations, async (call) => {
        const { actor, request } = call;
        // The key itself says of what type it is where the body does not.
        const keyType =
          jsonBody(request, typeBody).keyType || familyOf((await keys.get(actor, keyId(call))).kind);
        switch (keyType) {
          case 'client': {
            const input = clientOf(jsonBody(request, clientBody));
            return keyWire(await keys.replaceClient(actor, keyId(call), input, ORIGIN), clock.now());
          }
          case 'federated': {
            const input = federationOf(jsonBody(request, federatedBody));
            return keyWire(await keys.replaceFederated(actor, keyId(call), input, ORIGIN), clock.now());
          }
          default:
            throw invalid(`keys of type "${keyType}" can not be updated`, 'keyType');
        }
      }),
    },
    {
      id: 'tailscale.keys.delete',
      method: 'DELETE',
      path: keyPath,
      requires: 'authenticated',
      handle: inTailnet(organizations, async (call) => {
        await keys.revoke(call.actor, keyId(call), ORIGIN);
        return {};
      }),
    },
  ];
}
