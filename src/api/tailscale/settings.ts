import { z } from 'zod';
import type { Actor } from '../../domain/access/actor.ts';
import type { SettingName, Settings } from '../../domain/settings/settings.ts';
import {
  READ_ANY_SETTING,
  type SettingsService,
  WRITE_ANY_SETTING,
} from '../../domain/settings/settings-service.ts';
import { invalid } from '../../kernel/errors.ts';
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
/** The newer name of regional routing, which says how a router is chosen among several. Others than these are not had. */
const ROUTE_SELECTION = 'routeSelection';
const ROUTE_SELECTIONS: ReadonlyMap<unknown, boolean> = new Map([
  ['active-passive-failover', false],
  ['regional-routing', true],
]);

const ENTRIES: readonly (readonly [string, SettingName])[] = Object.entries(NAMES);

const body = z.record(z.string(), z.unknown());

/** A setting that the caller may not read is left out. */
function settingsWire(settings: Settings, readable: ReadonlySet<SettingName>): object {
  const [selection] =
    [...ROUTE_SELECTIONS].find(([, regional]) => regional === settings.regional_routing) ?? [];
  return {
    ...Object.fromEntries(
      ENTRIES.filter(([, name]) => readable.has(name)).map(([field, name]) => [field, settings[name]]),
    ),
    ...(readable.has('regional_routing') ? { [ROUTE_SELECTION]: selection } : {}),
  };
}

type Wanted = Readonly<Record<string, unknown>>;

/** With the choice of routers under its older name. Errors: `invalid`. */
function withOlderName({ [ROUTE_SELECTION]: selection, ...wanted }: Wanted): Wanted {
  if (selection === undefined || selection === null) return wanted;
  if (typeof wanted.regionalRoutingOn === 'boolean') {
    throw invalid(`${ROUTE_SELECTION}: cannot be given together with regionalRoutingOn`, ROUTE_SELECTION);
  }
  const regionalRoutingOn = ROUTE_SELECTIONS.get(selection);
  if (regionalRoutingOn === undefined) {
    const names = [...ROUTE_SELECTIONS.keys()].join(', ');
    throw invalid(`${ROUTE_SELECTION}: must be one of ${names}`, ROUTE_SELECTION);
  }
  return { ...wanted, regionalRoutingOn };
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
        const wanted = withOlderName(jsonBody(request, body));
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
