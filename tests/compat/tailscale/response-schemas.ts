/** What each operation answers when it succeeds, by method and path, transcribed from the contract. */
import { z } from 'zod';
import * as logs from './response-log-objects.ts';
import * as object from './response-objects.ts';

const T = '/api/v2/tailnet/:tailnet';
const D = '/api/v2/device/:deviceId';
const text = z.string();
const texts = z.array(z.string());
const { nothing } = object;

/** [6] The file as text, as JSON, or with `details` what is to be said about it. All carry an ETag, which the hook checks. */
const policyDetails = z.strictObject({
  acl: z.base64(),
  warnings: texts.nullable(),
  errors: texts.nullable(),
});
const policyFile = z.union([policyDetails, z.looseObject({}), z.string().min(1)]);
const finding = z.strictObject({
  user: text.optional(),
  errors: texts.optional(),
  warnings: texts.optional(),
});
const validation = z.union([
  z.strictObject({}),
  z.strictObject({ message: z.string().min(1), data: z.array(finding).optional() }),
]);
const preview = z.strictObject({
  matches: z.array(
    z.strictObject({
      users: texts,
      ports: texts,
      lineNumber: z.int(),
      via: texts.optional(),
      postures: texts.optional(),
    }),
  ),
  type: z.enum(['user', 'ipport']),
  previewFor: text,
  postures: z.record(text, texts).optional(),
});

/** [7] Lists are never null; in `configuration` empty parts are left out or null. */
const nameservers = z.strictObject({ dns: texts, magicDNS: z.boolean().optional() });
const preferences = z.strictObject({ magicDNS: z.boolean() });
const searchPaths = z.strictObject({ searchPaths: texts });
const splitDns = z.record(text, texts.nullable());
const server = z.strictObject({ address: text, useWithExitNode: z.boolean().optional() });
const dnsConfiguration = z.strictObject({
  nameservers: z.array(server).min(1).nullish(),
  splitDNS: z.record(text, z.array(server).nullable()).nullish(),
  searchPaths: texts.min(1).nullish(),
  preferences: z
    .strictObject({ overrideLocalDNS: z.boolean().optional(), magicDNS: z.boolean().optional() })
    .nullish(),
});
const resolvers = z.array(z.strictObject({ addr: text, useWithExitNode: z.boolean().optional() }));
/** Nothing is left out of it: the vendor's first Go client has no words for absent parts. */
const olderDns = z.strictObject({
  resolvers,
  fallbackResolvers: resolvers,
  routes: z.record(text, resolvers),
  domains: texts,
  nameservers: texts,
  proxied: z.boolean(),
});

const services = ['vip-services', 'services'].flatMap((base) => {
  const one = `${T}/${base}/:serviceName`;
  const approved = z.strictObject({ approved: z.boolean(), autoApproved: z.boolean() });
  return [
    [`GET ${T}/${base}`, z.strictObject({ vipServices: z.array(object.service) })],
    [`GET ${one}`, object.service],
    [`PUT ${one}`, object.service],
    [`DELETE ${one}`, nothing],
    [`GET ${one}/devices`, z.strictObject({ hosts: z.array(object.serviceHost) })],
    [`GET ${one}/device/:deviceId/approved`, approved],
    [`POST ${one}/device/:deviceId/approved`, approved],
  ] as const;
});

const integrations = '/api/v2/posture/integrations/:integrationId';
const invite = '/api/v2/device-invites/:deviceInviteId';
const webhook = '/api/v2/webhooks/:endpointId';
const app = `${T}/oauth-apps/:appId`;
const stream = `${T}/logging/:logType/stream`;

export const RESPONSES: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ['POST /api/v2/oauth/token', object.accessToken],
  ['POST /api/v2/oauth/token-exchange', object.accessToken],

  [`GET ${T}/devices`, z.strictObject({ devices: z.array(object.device) })],
  [`GET ${D}`, object.device],
  [`DELETE ${D}`, nothing],
  ...['expire', 'authorized', 'name', 'tags', 'key', 'ip'].map(
    (name) => [`POST ${D}/${name}`, nothing] as const,
  ),
  [`GET ${D}/routes`, object.routes],
  [`POST ${D}/routes`, object.routes],
  [`GET ${D}/attributes`, object.attributes],
  [`POST ${D}/attributes/:attributeKey`, object.attributes],
  [`DELETE ${D}/attributes/:attributeKey`, nothing],
  [`PATCH ${T}/device-attributes`, z.null()],

  [`GET ${D}/device-invites`, z.array(object.deviceInvite)],
  [`POST ${D}/device-invites`, z.array(object.deviceInvite)],
  [`GET ${invite}`, object.deviceInvite],
  [`DELETE ${invite}`, nothing],
  [`POST ${invite}/resend`, nothing],
  ['POST /api/v2/device-invites/-/accept', object.acceptedInvite],

  [`GET ${T}/keys`, z.strictObject({ keys: z.array(object.key) })],
  [`POST ${T}/keys`, object.key],
  [`GET ${T}/keys/:keyId`, object.key],
  [`PUT ${T}/keys/:keyId`, object.key],
  [`DELETE ${T}/keys/:keyId`, nothing],

  [`GET ${T}/acl`, policyFile],
  [`POST ${T}/acl`, policyFile],
  [`POST ${T}/acl/validate`, validation],
  [`POST ${T}/acl/preview`, preview],

  [`GET ${T}/dns/nameservers`, nameservers],
  [`POST ${T}/dns/nameservers`, nameservers],
  [`GET ${T}/dns/preferences`, preferences],
  [`POST ${T}/dns/preferences`, preferences],
  [`GET ${T}/dns/searchpaths`, searchPaths],
  [`POST ${T}/dns/searchpaths`, searchPaths],
  [`GET ${T}/dns/configuration`, dnsConfiguration],
  [`POST ${T}/dns/configuration`, dnsConfiguration],
  [`GET ${T}/dns/config`, olderDns],
  [`POST ${T}/dns/config`, olderDns],
  ...['GET', 'PATCH', 'PUT'].map((method) => [`${method} ${T}/dns/split-dns`, splitDns] as const),

  [`GET ${T}/users`, z.strictObject({ users: z.array(object.user) })],
  ['GET /api/v2/users/:userId', object.user],
  ...['role', 'approve', 'suspend', 'restore', 'delete'].map(
    (name) => [`POST /api/v2/users/:userId/${name}`, nothing] as const,
  ),
  [`GET ${T}/settings`, object.settings],
  [`PATCH ${T}/settings`, object.settings],
  [`GET ${T}/contacts`, object.contacts],
  [`PATCH ${T}/contacts/:contactType`, nothing],
  [`POST ${T}/contacts/:contactType/resend-verification-email`, nothing],
  [`GET ${T}/user-invites`, z.array(object.userInvite)],
  [`POST ${T}/user-invites`, z.array(object.userInvite)],
  ['GET /api/v2/user-invites/:userInviteId', object.userInvite],
  ['DELETE /api/v2/user-invites/:userInviteId', nothing],
  ['POST /api/v2/user-invites/:userInviteId/resend', nothing],

  ...services,

  [`GET ${T}/webhooks`, z.strictObject({ webhooks: z.array(object.webhook) })],
  [`POST ${T}/webhooks`, object.webhook.required({ secret: true })],
  [`GET ${webhook}`, object.webhook.omit({ secret: true })],
  [`PATCH ${webhook}`, object.webhook.omit({ secret: true })],
  [`DELETE ${webhook}`, nothing],
  [`POST ${webhook}/test`, nothing],
  [`POST ${webhook}/rotate`, object.webhook.required({ secret: true })],

  [`GET ${T}/posture/integrations`, z.strictObject({ integrations: z.array(object.integration) })],
  [`POST ${T}/posture/integrations`, object.integration],
  [`PATCH ${T}/posture/integrations/:integrationId`, object.integration],
  [`GET ${integrations}`, object.integration],
  [`PATCH ${integrations}`, object.integration],
  [`DELETE ${integrations}`, nothing],

  [`GET ${T}/logging/configuration`, logs.configurationLogs],
  [`GET ${T}/logging/network`, logs.networkLogs],
  [`GET ${stream}`, logs.logStream],
  [`PUT ${stream}`, nothing],
  [`DELETE ${stream}`, nothing],
  [`GET ${stream}/status`, logs.logStreamStatus],
  [`POST ${T}/aws-external-id`, logs.awsExternalId],
  [`POST ${T}/aws-external-id/:externalId/validate-aws-trust-policy`, nothing],

  [`GET ${T}/oauth-apps`, z.strictObject({ oauthApps: z.array(object.oauthApp) })],
  [`POST ${T}/oauth-apps`, object.oauthApp.required({ clientSecret: true })],
  [`GET ${app}`, object.oauthApp.omit({ clientSecret: true })],
  [`PUT ${app}`, object.oauthApp.omit({ clientSecret: true })],
  [`DELETE ${app}`, nothing],
  ['GET /api/v2/organizations/:organization/tailnets', object.tailnets],
  ['POST /api/v2/organizations/:organization/tailnets', object.madeTailnet],
  [`DELETE ${T}`, nothing],
  [`DELETE ${T}/tailnet`, nothing],
]);
