/** A device as JSON for its peers. Made when the device changes, not when somebody asks. */

import { isExpired, keyEnd } from '../../domain/devices/key-expiry.ts';
import { encodeExternalId } from '../../domain/ids/external-id.ts';
import type { Device } from '../../domain/model/devices.ts';
import type { Membership } from '../../domain/model/people.ts';
import { deviceFqdn, loginName, magicDnsSuffix } from '../../domain/organizations/names.ts';
import type { DeviceFacts } from '../../domain/snapshot/device-facts.ts';
import type { ExternalDevice, Snapshot } from '../../domain/snapshot/snapshot.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { networkTag } from './connector-caps.ts';
import type { PeerView } from './network-view.ts';

/** The pseudo user of devices that belong to no person. The highest id there can be, so that no row ever has it. */
export const TAGGED_DEVICES_USER = Number.MAX_SAFE_INTEGER;

/** What peers need of a host: its services keep file transfer, exit node DNS and app connectors working. */
const PEER_HOST_FACTS = [
  'OS',
  'Hostname',
  'Services',
  'sshHostKeys',
  'AppConnector',
  'Location',
  'PeerRelay',
  'ShieldsUp',
] as const;

/** The fields that a patch can carry, as JSON text of each; an absent one is ''. */
export interface PatchableFields {
  readonly Key: string;
  readonly KeyExpiry: string;
  readonly DiscoKey: string;
  readonly Endpoints: string;
  readonly HomeDERP: string;
  readonly Online: string;
  readonly LastSeen: string;
  readonly Cap: string;
}

export interface DeviceRender {
  readonly id: number;
  /** Whose profiles its viewers need. */
  readonly users: readonly number[];
  /** Members of the JSON object that never travel in a patch. */
  readonly fixed: string;
  readonly patchable: PatchableFields;
  /** The whole object for viewers with this view. */
  peer(view: PeerView): string;
}

const member = (name: string, json: string): string => (json === '' ? '' : `,"${name}":${json}`);

const addressPrefixes = (facts: DeviceFacts): string[] =>
  facts.addresses.map(({ ip, family }) => `${ip}/${family === 4 ? 32 : 128}`);

export function ownerUser(facts: DeviceFacts): number {
  return facts.device.ownerKind === 'membership' ? facts.device.owner : TAGGED_DEVICES_USER;
}

function hostFacts(facts: DeviceFacts): Record<string, unknown> {
  const hostinfo = facts.live?.hostinfo ?? {};
  const shown: Record<string, unknown> = {};
  for (const name of PEER_HOST_FACTS) if (hostinfo[name] !== undefined) shown[name] = hostinfo[name];
  return shown;
}

/** The reserved tags that devices of gateways and service accounts bear; nobody gives or takes them. */
function computedTags(snapshot: Snapshot, device: Device): string[] {
  if (device.ownerKind === 'service_account') return [`tag:hf-sa-${device.owner}`];
  if (device.ownerKind !== 'gateway') return [];
  const gateway = snapshot.table('gateway').get(String(device.owner));
  const network = gateway && snapshot.table('network').get(String(gateway.network));
  return network === undefined ? [] : [networkTag(network)];
}

/** The members that viewers and the device itself share and that no patch can change. */
export function fixedMembers(snapshot: Snapshot, facts: DeviceFacts, now: number): string {
  const { device } = facts;
  const tags = [...facts.tags, ...computedTags(snapshot, device)].sort();
  return [
    `"ID":${device.id}`,
    `"StableID":${JSON.stringify(encodeExternalId('device', device.id))}`,
    `"Name":${JSON.stringify(`${deviceFqdn(snapshot.organization, device.label)}.`)}`,
    `"User":${ownerUser(facts)}`,
    `"Addresses":${JSON.stringify(addressPrefixes(facts))}`,
    `"Created":${JSON.stringify(new Date(device.createdAt).toISOString())}`,
    `"MachineAuthorized":${device.authorizedAt !== null && device.blockedAt === null}`,
    ...(tags.length > 0 ? [`"Tags":${JSON.stringify(tags)}`] : []),
    ...(isExpired(facts.device, now) ? ['"Expired":true'] : []),
  ].join(',');
}

export function patchableFields(facts: DeviceFacts): PatchableFields {
  const { device, live, presence } = facts;
  const online = presence?.online;
  const expires = keyEnd(device);
  return {
    Key: JSON.stringify(device.nodeKey),
    KeyExpiry: expires === null ? '' : JSON.stringify(new Date(expires).toISOString()),
    DiscoKey: live === undefined || live.discoKey === '' ? '' : JSON.stringify(live.discoKey),
    Endpoints: live === undefined || live.endpoints.length === 0 ? '' : JSON.stringify(live.endpoints),
    HomeDERP: live === undefined || live.homeDerp === 0 ? '' : String(live.homeDerp),
    Online: online === undefined ? 'false' : String(online),
    // Only of devices that are offline: a client takes it for the end of the connection.
    LastSeen: online === false && presence ? JSON.stringify(new Date(presence.lastSeen).toISOString()) : '',
    Cap: device.capver === 0 ? '' : String(device.capver),
  };
}

const patchableMembers = (fields: PatchableFields): string =>
  Object.entries(fields)
    .map(([name, json]) => member(name, json))
    .join('');

export function renderDevice(snapshot: Snapshot, facts: DeviceFacts, now: number): DeviceRender {
  const fixed = `${fixedMembers(snapshot, facts, now)},"Hostinfo":${JSON.stringify(hostFacts(facts))}`;
  return renderOf(facts, fixed, [ownerUser(facts)]);
}

/** What viewers in another organization need of a host. A guest's is marked, so that clients keep it out of sight. */
function externalHostFacts({ facts, kind }: ExternalDevice): Record<string, unknown> {
  const { OS, Hostname, Services, sshHostKeys } = facts.live?.hostinfo ?? {};
  if (kind === 'guest') return { OS, Hostname, ShareeNode: true };
  return { OS, Hostname, Services, sshHostKeys };
}

/** A device of another organization, by its name there; its tags stay there. */
export function renderExternal(external: ExternalDevice, now: number): DeviceRender {
  const { facts, home, person, sharer } = external;
  const { device } = facts;
  const user = person?.id ?? TAGGED_DEVICES_USER;
  const sharedBy = sharer === undefined || sharer.id === user ? [] : [sharer.id];
  const fixed = [
    `"ID":${device.id}`,
    `"StableID":${JSON.stringify(encodeExternalId('device', device.id))}`,
    `"Name":${JSON.stringify(`${deviceFqdn(home, device.label)}.`)}`,
    `"User":${user}`,
    ...sharedBy.map((id) => `"Sharer":${id}`),
    `"Addresses":${JSON.stringify(addressPrefixes(facts))}`,
    '"MachineAuthorized":true',
    ...(isExpired(device, now) ? ['"Expired":true'] : []),
    `"Hostinfo":${JSON.stringify(externalHostFacts(external))}`,
  ].join(',');
  return renderOf(facts, fixed, [user, ...sharedBy]);
}

function renderOf(facts: DeviceFacts, fixed: string, users: readonly number[]): DeviceRender {
  const patchable = patchableFields(facts);
  const common = `{${fixed}${patchableMembers(patchable)}`;
  let lastView: PeerView | undefined;
  let lastText = '';
  return {
    id: facts.device.id,
    users,
    fixed,
    patchable,
    peer: (view) => {
      // Most devices look the same to all: keeping the last view alone spares nearly every rendering.
      if (view !== lastView) {
        lastView = view;
        lastText = `${common}${viewMembers(view)}}`;
      }
      return lastText;
    },
  };
}

const viewMembers = (view: PeerView): string =>
  [
    `,"AllowedIPs":${JSON.stringify(view.allowedIPs)}`,
    view.primaryRoutes.length > 0 ? `,"PrimaryRoutes":${JSON.stringify(view.primaryRoutes)}` : '',
    Object.keys(view.capMap).length > 0 ? `,"CapMap":${JSON.stringify(view.capMap)}` : '',
    view.jailed ? ',"IsJailed":true' : '',
  ].join('');

/**
 * The difference as a patch, '' when there is none, undefined when a patch cannot say it. A client reads an absent field as
 * unchanged, so what is to be cleared needs the whole object, save for the list of endpoints.
 */
export function patchBetween(before: DeviceRender, after: DeviceRender): string | undefined {
  if (before.fixed !== after.fixed) return undefined;
  let text = '';
  for (const name of Object.keys(after.patchable) as (keyof PatchableFields)[]) {
    const json = after.patchable[name];
    if (json === before.patchable[name]) continue;
    if (json === '' && name === 'LastSeen') continue;
    if (json === '' && name !== 'Endpoints') return undefined;
    text += member(name === 'HomeDERP' ? 'DERPRegion' : name, json === '' ? '[]' : json);
  }
  return text === '' ? '' : `{"NodeID":${after.id}${text}}`;
}

/** Of those alone who have a device here, or shared one with somebody here. */
function strangerOf(
  snapshot: Snapshot,
  user: number,
): { readonly member: Membership; readonly login: string } | undefined {
  for (const { person, sharer, home } of snapshot.external.values()) {
    const member = [person, sharer].find((one) => one?.id === user);
    if (member !== undefined) return { member, login: strangerLogin(snapshot, member, home) };
  }
  return undefined;
}

/**
 * A login that a member here has is nobody else's: rules of SSH name people by it, and so do programs that ask a client who
 * calls. What another organization calls its people is not checked by anybody.
 */
function strangerLogin(snapshot: Snapshot, stranger: Membership, home: ExternalDevice['home']): string {
  const login = loginName(stranger);
  const key = normalizeKey(login);
  for (const member of snapshot.memberships.values())
    if (normalizeKey(loginName(member)) === key) return `${login} (${magicDnsSuffix(home)})`;
  return login;
}

/** The profile of whoever a device belongs to. */
export function renderProfile(snapshot: Snapshot, user: number): string {
  if (user === TAGGED_DEVICES_USER) {
    return `{"ID":${user},"LoginName":"tagged-devices","DisplayName":"Tagged Devices"}`;
  }
  const own = snapshot.memberships.get(user);
  const found = own === undefined ? strangerOf(snapshot, user) : { member: own, login: loginName(own) };
  if (found === undefined) return `{"ID":${user},"LoginName":"unknown","DisplayName":"unknown"}`;
  const { member, login } = found;
  return JSON.stringify({
    ID: user,
    LoginName: login,
    DisplayName: member.displayName || login,
    ...(member.avatarUrl ? { ProfilePicURL: member.avatarUrl } : {}),
  });
}
