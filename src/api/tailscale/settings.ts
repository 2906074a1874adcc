import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { SettingName, Settings } from '../../domain/settings/settings.ts';
import {
  READ_ANY_SETTING,
  type SettingsService,
  WRITE_ANY_SETTING,
} from '../../domain/settings/settings-service.ts';
import type { Operation } from '../shared/operation.ts';
import { jsonBody } from './body.ts';
import { inTailnet, ORIGIN, TAILNET, type TailscaleApiParts } from './parts.ts';

/** The settings that this API has, by its names for them. */
const NAMES = {
  aclsExternallyManagedOn: 'policy_externally_managed',
  aclsExternalLink: 'policy_external_link',
  devicesApprovalOn: 'device_approval',
  devicesAutoUpdatesOn: 'devices_auto_update',
  devicesKeyDurationDays: 'key_days',
  usersApprovalOn: 'user_approval',
  usersRoleAllowedToJoinExternalTailnets: 'users_role_joins_external',
  networkFlowLoggingOn: 'network_flow_logging',
  regionalRoutingOn: 'regional_routing',
  postureIdentityCollectionOn: 'posture_identity_collection',
  httpsEnabled: 'https_enabled',
} as const satisfies Readonly<Record<string, SettingName>>;
const ENTRIES: readonly (readonly [string, SettingName])[] = Object.entries(NAMES);

const body = z.record(z.string(), z.unknown());

/** A setting that the caller may not read is left out. */
function settingsWire(settings: Settings, readable: ReadonlySet<SettingName>): object {
  return Object.fromEntries(
    ENTRIES.filter(([, name]) => readable.has(name)).map(([field, name]) => [field, settings[name]]),
  );
}

export function settingsOperations({ services }: TailscaleApiParts): Operation[] {
  const { organizations } = services;
  const settings: SettingsService = services.settingsService;
  const answer = async (actor: Actor): Promise<object> => {
    const { settings: values, readable } = await settings.read(actor);
    return settingsWire(values, readable);
  };
  const path = `${TAILNET}/settings`;
  return [
    {
      id: 'tailscale.settings.get',
      method: 'GET',
      path,
      requires: { anyOf: READ_ANY_SETTING },
      handle: inTailnet(organizations, async ({ actor }) => answer(actor)),
    },
    {
      id: 'tailscale.settings.update',
      method: 'PATCH',
      path,
      requires: { anyOf: WRITE_ANY_SETTING },
      handle: inTailnet(organizations, async ({ actor, request }) => {
        const wanted = jsonBody(request, body);
        // Null leaves a setting as it is: clients send it for what they were not told to set.
        const changes = ENTRIES.filter(
          ([field]) => Object.hasOwn(wanted, field) && wanted[field] !== null,
        ).map(([field, name]) => ({ name, value: wanted[field], field }));
        await settings.update(actor, changes, ORIGIN);
        return answer(actor);
      }),
    },
  ];
}
