/**
 * What administrators do to devices. Each call is one write; what it means for the network follows from the change feed.
 * Errors of all: `forbidden`, `not_found`.
 */
import type { Clock } from '../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import type { Random } from '../../kernel/random.ts';
import { toDnsLabel } from '../../kernel/text.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import type { Permission } from '../access/permissions.ts';
import type { Device } from '../model/devices.ts';
import type { AuditOrigin, AuditVerb } from '../model/operations.ts';
import { managedRoutes } from '../networks/managed-routes.ts';
import { magicDnsSuffix } from '../organizations/names.ts';
import type { TagRules } from '../policy-file/tag-rules.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';
import { addressHolder, heldAddress } from './addresses.ts';
import { checkDeviceAddress } from './device-admin-address.ts';
import { checkRoutes, type DeviceRoutes, routesOf } from './device-admin-routes.ts';
import { removeDevice } from './device-removal.ts';
import { EPHEMERAL } from './ephemeral.ts';
import { freeLabel } from './labels.ts';
import { type IsSuspended, isEnabled } from './routes.ts';

export interface DeviceAdmin {
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  /** The node key ends now: the device must sign in again. */
  expire(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
  routes(actor: Actor, id: number): Promise<DeviceRoutes>;
  /**
   * Replaces the enabled prefixes, also with ones that the device does not advertise yet. What it carries for networks
   * stays as it is. Errors: `invalid`.
   */
  setRoutes(actor: Actor, id: number, routes: readonly string[], origin: AuditOrigin): Promise<DeviceRoutes>;
  /** Errors: `invalid` for a device that is blocked. */
  setAuthorized(actor: Actor, id: number, authorized: boolean, origin: AuditOrigin): Promise<void>;
  /** A label, or the full name; empty: named after its host again. Errors: `invalid`, `taken`. */
  rename(actor: Actor, id: number, name: string, origin: AuditOrigin): Promise<void>;
  /** Replaces the tags; a tagged device belongs to its tags. Errors: `invalid`, `tags_not_permitted`. */
  setTags(actor: Actor, id: number, tags: readonly string[], origin: AuditOrigin): Promise<void>;
  /** Disabling keeps the time at which the key expires, for when it is enabled again. */
  setKeyExpiryDisabled(actor: Actor, id: number, disabled: boolean, origin: AuditOrigin): Promise<void>;
  /** Errors: `invalid` for an address that is malformed, reserved, outside the pool or in use. */
  setIpv4(actor: Actor, id: number, ipv4: string, origin: AuditOrigin): Promise<void>;
}

export interface DeviceAdminParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly tagRules: TagRules;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

export function createDeviceAdmin({ store, clock, random, tagRules }: DeviceAdminParts): DeviceAdmin {
  /** One write to one device of the actor's organization. */
  const change = <T>(
    actor: Actor,
    permission: Permission,
    id: number,
    origin: AuditOrigin,
    work: (tx: Tx, device: Device) => Promise<T>,
  ): Promise<T> => {
    authorize(actor, permission);
    return store.write(contextOf(actor, origin), async (tx) => {
      const device = await tx.get('device', actor.org, id);
      if (device === undefined) throw notFound('device');
      return work(tx, device);
    });
  };

  return {
    remove: (actor, id, origin) =>
      change(actor, 'devices:write', id, origin, async (tx, device) => {
        await removeDevice(tx, device);
        audit(tx, device, 'delete', device.ephemeral ? { before: EPHEMERAL } : {});
      }),

    expire: (actor, id, origin) =>
      change(actor, 'devices:write', id, origin, async (tx, device) => {
        await tx.update('device', device.org, id, { keyExpiresAt: tx.now, expiryDisabled: false });
        audit(tx, device, 'expire', { field: 'keyExpiresAt', before: device.keyExpiresAt, after: tx.now });
      }),

    routes: async (actor, id) => {
      authorize(actor, 'routes:read');
      const device = await store.get('device', actor.org, id);
      if (device === undefined) throw notFound('device');
      return currentRoutes(store, device, clock.now());
    },

    setRoutes: (actor, id, texts, origin) =>
      change(actor, 'routes:write', id, origin, async (tx, device) => {
        const wanted = checkRoutes(texts);
        const before = await currentRoutes(tx, device, tx.now);
        const by = actor.kind === 'member' ? actor.membership : 0;
        await writeRoutes(tx, device, wanted, by);
        const after = await currentRoutes(tx, device, tx.now);
        audit(tx, device, 'update', { field: 'enabledRoutes', before: before.enabled, after: after.enabled });
        return after;
      }),

    setAuthorized: (actor, id, authorized, origin) =>
      change(actor, 'devices:write', id, origin, async (tx, device) => {
        if (authorized && device.blockedAt !== null) {
          throw invalid('device is blocked; unblock it first', 'authorized');
        }
        if (authorized === (device.authorizedAt !== null)) return;
        await tx.update('device', device.org, id, { authorizedAt: authorized ? tx.now : null });
        audit(tx, device, authorized ? 'approve' : 'update', {
          field: 'authorized',
          before: !authorized,
          after: authorized,
        });
      }),

    rename: (actor, id, name, origin) =>
      change(actor, 'devices:write', id, origin, async (tx, device) => {
        const organization = await tx.get('organization', INSTALLATION, device.org);
        if (organization === undefined) throw notFound('organization');
        const wanted = labelOf(name, magicDnsSuffix(organization));
        const label = wanted ?? (await freeLabel(tx, random, device.org, device.osHostname, device.label));
        if (wanted !== null && (await isTaken(tx, device, wanted))) {
          throw new AppError('taken', `name "${wanted}" is already taken`, { field: 'name' });
        }
        if (label === device.label && wanted === device.givenName) return;
        await tx.update('device', device.org, id, { label, givenName: wanted });
        audit(tx, device, 'update', { field: 'name', before: device.label, after: label });
      }),

    setTags: async (actor, id, tags, origin) => {
      authorize(actor, 'devices:write');
      const permitted = await tagRules.permitted(actor, tags);
      return change(actor, 'devices:write', id, origin, (tx, device) => writeTags(tx, device, permitted));
    },

    setKeyExpiryDisabled: (actor, id, disabled, origin) =>
      change(actor, 'devices:write', id, origin, async (tx, device) => {
        if (disabled === device.expiryDisabled) return;
        await tx.update('device', device.org, id, { expiryDisabled: disabled });
        audit(tx, device, disabled ? 'disable' : 'enable', {
          field: 'keyExpiry',
          before: !device.expiryDisabled,
          after: !disabled,
        });
      }),

    setIpv4: (actor, id, ipv4, origin) =>
      change(actor, 'devices:write', id, origin, async (tx, device) => {
        const ip = checkDeviceAddress(ipv4, device.class);
        const holder = (await tx.get('address', device.org, { ip })) ?? (await addressHolder(tx, ip));
        if (holder?.holderKind === 'device' && holder.holder === id) return;
        if (holder !== undefined) throw invalid(`bad IPv4 address: ${ip} is already in use`, 'ipv4');
        const own = await tx.find('address', device.org, { holderKind: 'device', holder: id, family: 4 });
        for (const address of own) await tx.remove('address', device.org, { ip: address.ip });
        await tx.insert('address', heldAddress(device.org, ip, 4, 'device', id));
        audit(tx, device, 'update', { field: 'ipv4', before: own[0]?.ip, after: ip });
      }),
  };
}

function audit(
  tx: Tx,
  device: Device,
  verb: AuditVerb,
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(device.org, {
    verb,
    objectKind: 'device',
    objectId: device.id,
    objectName: device.label,
    ...change,
  });
}

async function currentRoutes(reader: Reader, device: Device, now: number): Promise<DeviceRoutes> {
  const { org, id } = device;
  const rows = await reader.find('route', org, { device: id });
  const served = (await managedRoutes(reader, org, [id], now)).get(id);
  const inForce = device.authorizedAt !== null && device.blockedAt === null;
  return routesOf(
    rows.map((row) => ({
      prefix: row.prefix,
      advertised: row.advertised,
      enabled: row.manualAt !== null || row.auto,
    })),
    served && { routes: served, inForce },
  );
}

/** Which of these memberships are suspended; 0 stands for nobody. */
async function suspendedAmong(tx: Tx, org: number, ids: readonly number[]): Promise<IsSuspended> {
  const wanted = [...new Set(ids)].filter((id) => id !== 0);
  const members = wanted.length === 0 ? [] : await tx.find('membership', org, { id: wanted });
  const suspended = new Set(members.filter(({ suspendedAt }) => suspendedAt !== null).map(({ id }) => id));
  return (id) => suspended.has(id);
}

async function writeRoutes(tx: Tx, device: Device, wanted: ReadonlySet<string>, by: number): Promise<void> {
  const { org, id } = device;
  const known = new Map((await tx.find('route', org, { device: id })).map((row) => [row.prefix, row]));
  const isSuspended = await suspendedAmong(
    tx,
    org,
    [...known.values()].map(({ manualBy }) => manualBy),
  );
  for (const prefix of wanted) {
    const row = known.get(prefix);
    // What rests with somebody who is suspended is enabled anew, by whoever asks for it now.
    if (row !== undefined && isEnabled(row, isSuspended)) continue;
    await tx.put('route', {
      org,
      device: id,
      prefix,
      advertised: row?.advertised ?? false,
      manualAt: tx.now,
      manualBy: by,
      auto: false,
    });
  }
  for (const row of known.values()) {
    if (wanted.has(row.prefix) || (row.manualAt === null && !row.auto)) continue;
    if (!row.advertised) await tx.remove('route', org, { device: id, prefix: row.prefix });
    else await tx.put('route', { ...row, manualAt: null, manualBy: 0, auto: false });
  }
}

async function writeTags(tx: Tx, device: Device, tags: readonly string[]): Promise<void> {
  const { org, id } = device;
  if (device.ownerKind === 'gateway' || device.ownerKind === 'service_account') {
    throw invalid(`devices of a ${device.ownerKind.replace('_', ' ')} cannot be tagged`, 'tags');
  }
  if (tags.length === 0) {
    if (device.ownerKind === 'tags') throw invalid('tagged nodes cannot be untagged without reauth', 'tags');
    return;
  }
  const known = await tx.find('deviceTag', org, { device: id });
  const wanted = new Set(tags);
  const gone = known.filter(({ tag }) => !wanted.has(tag));
  const fresh = tags.filter((tag) => !known.some((row) => row.tag === tag));
  if (gone.length === 0 && fresh.length === 0 && device.ownerKind === 'tags') return;
  for (const { tag } of gone) await tx.remove('deviceTag', org, { device: id, tag });
  for (const tag of fresh) await tx.insert('deviceTag', { org, device: id, tag, source: 'admin' });
  if (device.ownerKind !== 'tags') {
    // Nobody is there to sign in again for a device that belongs to its tags.
    await tx.update('device', org, id, { ownerKind: 'tags', owner: 0, expiryDisabled: true });
  }
  audit(tx, device, 'update', {
    field: 'tags',
    before: known.map(({ tag }) => tag),
    after: [...wanted].toSorted(),
  });
}

/** The label that a name asks for; null for none. */
function labelOf(name: string, suffix: string): string | null {
  const trimmed = name.trim().toLowerCase().replace(/\.$/u, '');
  if (trimmed === '') return null;
  const label = trimmed.endsWith(`.${suffix}`) ? trimmed.slice(0, -suffix.length - 1) : trimmed;
  if (!LABEL.test(label) || toDnsLabel(label) !== label) {
    throw invalid(`name "${name}" is not valid: use 1 to 63 of a-z, 0-9 and hyphen`, 'name');
  }
  return label;
}

async function isTaken(tx: Tx, device: Device, label: string): Promise<boolean> {
  const [other] = await tx.find('device', device.org, { label });
  if (other !== undefined && other.id !== device.id) return true;
  const services = await tx.find('service', device.org, { name: `svc:${label}` });
  return services.length > 0;
}
