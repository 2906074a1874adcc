/** External clients on the wire. */
import { z } from 'zod';
import type { ClientSecrets } from '../../domain/ext-clients/client-secrets.ts';
import type { ExtClientView } from '../../domain/ext-clients/ext-client-reads.ts';
import type { ExtClientChange } from '../../domain/ext-clients/ext-client-service.ts';
import { formatHostPort } from '../../domain/ext-clients/host-port.ts';
import { encodeUuid } from '../../domain/ids/uuid8.ts';

/** Stands where the private key is somebody else's to know. */
export const NO_PRIVATE_KEY = '[ENTER PRIVATE KEY]';

const MAX_HOOK = 1_024;
const MAX_TEXT = 255;
const SECOND_MS = 1_000;

const Text = z.string().max(MAX_TEXT).nullish();
/** What programs say of their machine; shown, and of no effect. Hooks are for the client's own use. */
const DETAILS = {
  postup: z.string().max(MAX_HOOK).nullish(),
  postdown: z.string().max(MAX_HOOK).nullish(),
  tags: z.record(z.string().max(MAX_TEXT), z.unknown()).nullish(),
  device_name: Text,
  public_endpoint: Text,
  os: Text,
  os_family: Text,
  os_version: Text,
  kernel_version: Text,
  client_version: Text,
  country: Text,
  location: Text,
} as const;
const DETAIL_NAMES = Object.keys(DETAILS) as (keyof typeof DETAILS)[];

export const CustomExtClient = z.object({
  clientid: z.string().nullish(),
  publickey: z.string().nullish(),
  /** A key, or '' to take it away; true: one is made. */
  presharedkey: z.union([z.string(), z.boolean()]).nullish(),
  dns: z.string().nullish(),
  extraallowedips: z.array(z.string()).max(1_000).nullish(),
  enabled: z.boolean().nullish(),
  deniednodeacls: z.record(z.string(), z.unknown()).nullish(),
  remote_access_client_id: z.string().nullish(),
  device_id: z.string().nullish(),
  ...DETAILS,
});
export type CustomExtClient = z.infer<typeof CustomExtClient>;

const presharedKeyOf = (given: CustomExtClient['presharedkey']): string | null | undefined => {
  if (given === undefined || given === null) return undefined;
  if (given === true) return 'make';
  return given === false || given === '' ? null : given;
};

/** What a body asks for; absent and empty texts keep what is there. */
export function changeOf(body: CustomExtClient): ExtClientChange {
  const presharedKey = presharedKeyOf(body.presharedkey);
  const details = Object.fromEntries(
    DETAIL_NAMES.filter((name) => body[name] !== undefined && body[name] !== null).map((name) => [
      name,
      body[name],
    ]),
  );
  return {
    ...(body.clientid ? { clientId: body.clientid } : {}),
    ...(body.publickey && body.publickey !== NO_PRIVATE_KEY ? { publicKey: body.publickey } : {}),
    ...(presharedKey === undefined ? {} : { presharedKey }),
    ...(body.dns === undefined || body.dns === null ? {} : { dns: body.dns }),
    ...(body.extraallowedips === undefined || body.extraallowedips === null
      ? {}
      : { extraAllowedIps: body.extraallowedips }),
    ...(body.device_id ? { deviceId: body.device_id } : {}),
    ...(body.remote_access_client_id ? { racId: body.remote_access_client_id } : {}),
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** `secrets` undefined: not for the asker's eyes; 'list': blank, whoever asks. */
export function toExtClient(
  view: ExtClientView,
  secrets: ClientSecrets | undefined | 'list',
  allowedIps: readonly string[] | null,
) {
  const { client, network, agent, addresses, owner, live, details } = view;
  const [address = '', address6 = ''] = addresses;
  const tags = details.tags;
  return {
    clientid: client.clientId,
    privatekey: secrets === 'list' ? '' : (secrets?.privateKey ?? NO_PRIVATE_KEY),
    publickey: client.publicKey,
    presharedkey: secrets === 'list' ? '' : (secrets?.presharedKey ?? ''),
    network: network.slug,
    dns: client.dns,
    address,
    address6,
    extraallowedips: client.extraAllowedIps,
    allowed_ips: allowedIps,
    ingressgatewayid: encodeUuid('gateway', client.gateway),
    ingressgatewayendpoint: agent === undefined ? '' : formatHostPort(agent.endpoint, agent.listenPort),
    lastmodified: Math.floor(client.updatedAt / SECOND_MS),
    enabled: view.active,
    ownerid: owner?.username ?? '',
    deniednodeacls: {},
    remote_access_client_id: client.racId ?? '',
    postup: textOf(details.postup),
    postdown: textOf(details.postdown),
    tags: typeof tags === 'object' && tags !== null ? tags : {},
    os: textOf(details.os),
    os_family: textOf(details.os_family),
    os_version: textOf(details.os_version),
    kernel_version: textOf(details.kernel_version),
    client_version: textOf(details.client_version),
    device_id: client.deviceId ?? '',
    device_name: textOf(details.device_name),
    public_endpoint: live?.endpoint || textOf(details.public_endpoint),
    country: textOf(details.country),
    location: textOf(details.location),
    posture_check_violations: null,
    posture_check_violation_severity_level: 0,
    last_evaluated_at: '0001-01-01T00:00:00Z',
    // What the gateway reports, which the vendor keeps among its metrics.
    last_handshake: live?.lastHandshake == null ? 0 : Math.floor(live.lastHandshake / SECOND_MS),
    received_bytes: live?.receivedBytes ?? 0,
    sent_bytes: live?.sentBytes ?? 0,
  };
}
