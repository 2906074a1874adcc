/**
 * The settings of the server, which here are those of the organization. Of what the vendor keeps in one object four things
 * mean something; the rest shows as off or empty, and a change of it is refused rather than forgotten.
 */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { Settings } from '../../domain/settings/settings.ts';
import type { SettingChange } from '../../domain/settings/settings-service.ts';
import type { Operation } from '../shared/operation.ts';
import { envelope, NetmakerError, ORIGIN } from './envelope.ts';
import type { NetmakerApiParts } from './parts.ts';
import { bodyOf } from './request.ts';

const nothing = (names: string, value: unknown): Record<string, unknown> =>
  Object.fromEntries(names.split(' ').map((name) => [name, value]));

const toServerSettings = (settings: Settings): Record<string, unknown> => ({
  ...nothing(
    'authprovider oidcissuer client_id client_secret google_admin_email google_sa_creds_json azure_tenant okta_org_url okta_api_token idp_sync_interval email_sender_addr email_sender_user email_sender_password smtp_host metric_interval default_domain stun_servers peer_connection_check_interval posture_check_interval',
    '',
  ),
  ...nothing('verbosity smtp_port metrics_port ip_detection_interval clean_up_interval_in_mins', 0),
  ...nothing(
    'netclientautoupdate sync_enabled rac_restrict_to_single_network endpoint_detection manage_dns stun enable_flow_logs',
    false,
  ),
  user_filters: [],
  group_filters: [],
  telemetry: 'off',
  basic_auth: settings.password_login,
  mfa_enforced: settings.mfa_enforced,
  jwt_validity_duration: settings.session_minutes,
  jwt_validity_duration_clients: settings.session_minutes,
  allowed_email_domains: settings.allowed_email_domains.join(','),
  audit_logs_retention_period: 0,
});

const MAX_DOMAINS_TEXT = 10_000;
/** The vendor takes no less. */
const MIN_MINUTES = 5;

const Body = z.looseObject({
  basic_auth: z.boolean().nullish(),
  mfa_enforced: z.boolean().nullish(),
  jwt_validity_duration: z.number().int().min(MIN_MINUTES).nullish(),
  jwt_validity_duration_clients: z.number().int().min(MIN_MINUTES).nullish(),
  allowed_email_domains: z.string().max(MAX_DOMAINS_TEXT).nullish(),
});
type Body = z.infer<typeof Body>;
const WRITTEN: ReadonlySet<string> = new Set(Object.keys(Body.shape));

/** What is off here: null, and empty lists for empty texts, are how clients write that back. */
const isOff = (value: unknown): boolean =>
  value === null ||
  (Array.isArray(value) && value.length === 0) ||
  value === '' ||
  value === 0 ||
  value === false;

/** Fields that the vendor does not have are passed over, as everywhere. */
function refuseOthers(
  body: Readonly<Record<string, unknown>>,
  shown: Readonly<Record<string, unknown>>,
): void {
  const changed = Object.entries(body).find(
    ([name, value]) =>
      Object.hasOwn(shown, name) &&
      !WRITTEN.has(name) &&
      value !== shown[name] &&
      !(isOff(value) && isOff(shown[name])),
  );
  if (changed !== undefined)
    throw new NetmakerError(400, `invalid settings: ${changed[0]} cannot be changed here`);
}

/** Both kinds of programs have sessions of one length. */
function minutesOf(body: Body, { session_minutes: before }: Settings): SettingChange | undefined {
  const fields = ['jwt_validity_duration', 'jwt_validity_duration_clients'] as const;
  const changed = fields.filter((field) => body[field] != null && body[field] !== before);
  const [field, other] = changed;
  if (field === undefined) return undefined;
  if (other !== undefined && body[other] !== body[field]) {
    throw new NetmakerError(400, `invalid settings: ${other} must be the same as ${field}`);
  }
  return { name: 'session_minutes', value: body[field], field };
}

function changesOf(body: Body, before: Settings): SettingChange[] {
  const { basic_auth, mfa_enforced, allowed_email_domains: domains } = body;
  const minutes = minutesOf(body, before);
  const changes: SettingChange[] = [];
  if (basic_auth != null) changes.push({ name: 'password_login', value: basic_auth, field: 'basic_auth' });
  if (mfa_enforced != null)
    changes.push({ name: 'mfa_enforced', value: mfa_enforced, field: 'mfa_enforced' });
  if (minutes !== undefined) changes.push(minutes);
  if (domains != null) {
    const value = domains.split(',').flatMap((one) => one.trim().toLowerCase() || []);
    changes.push({ name: 'allowed_email_domains', value, field: 'allowed_email_domains' });
  }
  return changes;
}

export const serverSettingsOperations = ({ services: { settings } }: NetmakerApiParts): Operation[] => {
  const shownTo = async (actor: Actor) => toServerSettings((await settings.read(actor)).settings);
  const update = async (actor: Actor, request: FastifyRequest): Promise<void> => {
    const body = bodyOf(Body, request, 'invalid settings: ');
    const before = (await settings.read(actor)).settings;
    refuseOthers(body, toServerSettings(before));
    await settings.update(actor, changesOf(body, before), ORIGIN);
  };
  return [
    {
      id: 'netmaker.server.settings',
      method: 'GET',
      path: '/api/server/settings',
      requires: 'authenticated',
      handle: async ({ actor }) => envelope('fetched server settings successfully', await shownTo(actor)),
    },
    {
      id: 'netmaker.server.settings.update',
      method: 'PUT',
      path: '/api/server/settings',
      requires: 'sso:write',
      handle: async ({ actor, request }) => {
        await update(actor, request);
        return envelope('updated server settings successfully', await shownTo(actor));
      },
    },
  ];
};
