/** Services: a name and a pair of addresses that devices with the right tags may answer. */
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { formatAddr, parseAddr } from '../../kernel/netip/index.ts';
import type { Random } from '../../kernel/random.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize, type Requirement } from '../access/authorize.ts';
import {
  type AddressPair,
  addressHolder,
  addressPairOf,
  allocateAddresses,
  heldAddress,
} from '../devices/addresses.ts';
import { checkDeviceAddress } from '../devices/device-admin-address.ts';
import { removeEach } from '../directory/each-row.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { Service } from '../model/devices.ts';
import type { Row } from '../model/entities.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { TagRules } from '../policy-file/tag-rules.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';
import { checkService, type ServiceInput } from './service-rules.ts';

export type { ServiceInput } from './service-rules.ts';

export interface ServiceView extends Service {
  /** IPv4, then IPv6. */
  readonly addresses: readonly string[];
}

export interface VipServices {
  list(actor: Actor): Promise<readonly ServiceView[]>;
  /** Errors: `not_found`. */
  get(actor: Actor, name: string): Promise<ServiceView>;
  /** Makes or replaces the service of that name; an input of another name renames one that is there. Errors: `invalid`, `taken`. */
  put(actor: Actor, name: string, input: ServiceInput, origin: AuditOrigin): Promise<ServiceView>;
  /** Errors: `not_found`. */
  remove(actor: Actor, name: string, origin: AuditOrigin): Promise<void>;
  hosts(actor: Actor, name: string): Promise<readonly Row<'serviceHost'>[]>;
  /** The approval of one device, undefined when it never asked nor was given one. */
  approval(actor: Actor, name: string, device: number): Promise<Row<'serviceHost'> | undefined>;
  /** Errors: `invalid` for a device without a tag of the service. */
  setApproved(
    actor: Actor,
    name: string,
    device: number,
    approved: boolean,
    origin: AuditOrigin,
  ): Promise<Row<'serviceHost'>>;
}

export interface VipServicesParts {
  readonly store: Store;
  readonly random: Random;
  readonly tagRules: TagRules;
}

const MAX_SERVICES = 10_000;
const NOT_APPROVED = 'not-approved';

/** What the audit log shows of a service: what its API takes. */
const shown = ({ name, displayName, addresses, ports, tags, comment, annotations }: ServiceView) => ({
  name,
  displayName,
  addrs: addresses,
  ports,
  tags,
  comment,
  annotations,
});

/** Hosts of a service are devices, so who asks about them must be one who may see both. */
export const READ_HOSTS = { allOf: ['services:read', 'devices:read'] } as const satisfies Requirement;
export const WRITE_HOSTS = { allOf: ['services:write', 'devices:read'] } as const satisfies Requirement;

export function createVipServices({ store, random, tagRules }: VipServicesParts): VipServices {
  const find = async (reader: Reader, org: number, name: string): Promise<Service> => {
    const [service] = await reader.find('service', org, { name });
    if (service === undefined) throw notFound('service');
    return service;
  };
  const addressesOf = async (reader: Reader, org: number, ids: readonly number[]) => {
    const rows = await reader.find('address', org, { holderKind: 'service', holder: ids }, 2 * MAX_SERVICES);
    const byHolder = Map.groupBy(rows, ({ holder }) => holder);
    return (id: number): string[] =>
      (byHolder.get(id) ?? []).toSorted((a, b) => a.family - b.family).map(({ ip }) => ip);
  };
  const view = async (reader: Reader, service: Service): Promise<ServiceView> => {
    const addresses = await addressesOf(reader, service.org, [service.id]);
    return { ...service, addresses: addresses(service.id) };
  };

  return {
    list: async (actor) => {
      authorize(actor, 'services:read');
      const services = await store.find('service', actor.org, {}, MAX_SERVICES);
      if (services.length === 0) return [];
      const addresses = await addressesOf(
        store,
        actor.org,
        services.map(({ id }) => id),
      );
      return services.map((service) => ({ ...service, addresses: addresses(service.id) }));
    },

    get: async (actor, name) => {
      authorize(actor, 'services:read');
      return view(store, await find(store, actor.org, name));
    },

    put: async (actor, name, input, origin) => {
      authorize(actor, 'services:write');
      checkService(input);
      checkService({ ...input, name });
      const tags = await tagRules.permitted(actor, input.tags);
      return store.write(contextOf(actor, origin), async (tx) => {
        const [before] = await tx.find('service', actor.org, { name });
        if (before === undefined && input.name !== name) {
          const problem = `name "${input.name}" of a new service must be that of the path, "${name}"`;
          throw invalid(problem, 'name');
        }
        await requireFreeName(tx, actor.org, input.name, before);
        const { displayName, comment, annotations, ports } = input;
        const columns = { name: input.name, displayName, comment, annotations, ports, tags };
        const known = before && (await view(tx, before));
        const service =
          before === undefined
            ? await create(tx, random, actor.org, columns, input.addresses)
            : await replace(tx, before, columns, input.addresses);
        const after = await view(tx, service);
        if (known !== undefined && isSameRow(known, after)) return after;
        tx.audit(actor.org, {
          verb: known === undefined ? 'create' : 'update',
          objectKind: 'service',
          objectId: service.id,
          objectName: service.name,
          ...(known === undefined ? {} : { before: shown(known) }),
          after: shown(after),
        });
        return after;
      });
    },

    remove: (actor, name, origin) => {
      authorize(actor, 'services:write');
      return store.write(contextOf(actor, origin), async (tx) => {
        const service = await find(tx, actor.org, name);
        const { org, id } = service;
        const before = await view(tx, service);
        await removeEach(tx, 'address', org, { holderKind: 'service', holder: id });
        await removeEach(tx, 'serviceHost', org, { service: id });
        await tx.remove('service', org, id);
        tx.audit(org, {
          verb: 'delete',
          objectKind: 'service',
          objectId: id,
          objectName: name,
          before: shown(before),
        });
      });
    },

    hosts: async (actor, name) => {
      authorize(actor, READ_HOSTS);
      const service = await find(store, actor.org, name);
      return store.find('serviceHost', actor.org, { service: service.id });
    },

    approval: async (actor, name, device) => {
      authorize(actor, READ_HOSTS);
      const service = await find(store, actor.org, name);
      if ((await store.get('device', actor.org, device)) === undefined) throw notFound('device');
      return store.get('serviceHost', actor.org, { service: service.id, device });
    },

    setApproved: (actor, name, id, approved, origin) => {
      authorize(actor, WRITE_HOSTS);
      return store.write(contextOf(actor, origin), async (tx) => {
        const { org } = actor;
        const service = await find(tx, org, name);
        const device = await tx.get('device', org, id);
        if (device === undefined) throw notFound('device');
        const tags = await tx.find('deviceTag', org, { device: id });
        const before = await tx.get('serviceHost', org, { service: service.id, device: id });
        if (approved && !tags.some(({ tag }) => service.tags.includes(tag))) {
          throw invalid(`device must carry a tag of ${name} to host it`, 'approved');
        }
        const host: Row<'serviceHost'> = {
          org,
          service: service.id,
          device: id,
          approval: approved ? 'approved:manual' : NOT_APPROVED,
          advertised: before?.advertised ?? false,
        };
        await tx.put('serviceHost', host);
        tx.audit(org, {
          verb: approved ? 'approve' : 'update',
          objectKind: 'service',
          objectId: service.id,
          objectName: name,
          field: 'host',
          before: { device: device.label, approved: (before?.approval ?? NOT_APPROVED) !== NOT_APPROVED },
          after: { device: device.label, approved },
        });
        return host;
      });
    },
  };
}

type Columns = Pick<Service, 'name' | 'displayName' | 'comment' | 'annotations' | 'ports' | 'tags'>;

/** Services and devices share one space of names. */
async function requireFreeName(tx: Tx, org: number, name: string, own: Service | undefined): Promise<void> {
  const taken = (): AppError => new AppError('taken', `name "${name}" is already taken`, { field: 'name' });
  const [service] = await tx.find('service', org, { name });
  if (service !== undefined && service.id !== own?.id) throw taken();
  const [device] = await tx.find('device', org, { label: name.slice('svc:'.length) });
  if (device !== undefined) throw taken();
}

async function create(
  tx: Tx,
  random: Random,
  org: number,
  columns: Columns,
  addresses: readonly string[],
): Promise<Service> {
  const [wanted] = addresses;
  if (addresses.length > 1 || (wanted !== undefined && parseAddr(wanted)?.family !== 4)) {
    throw invalid('when creating a new service, addrs must be empty or contain 1 IPv4 address', 'addrs');
  }
  if ((await tx.count('service', org, {})) >= MAX_SERVICES) {
    throw new AppError('too_large', `an organization has at most ${MAX_SERVICES} services`);
  }
  const pair =
    wanted === undefined
      ? await allocateAddresses(tx, random, org, { deviceClass: 'normal' })
      : addressPairOf(checkDeviceAddress(wanted, 'normal'));
  const service = await tx.insert('service', {
    org,
    id: tx.newId(),
    ...columns,
    createdAt: tx.now,
    updatedAt: tx.now,
  });
  await takeAddresses(tx, service, pair);
  return service;
}

async function replace(
  tx: Tx,
  before: Service,
  columns: Columns,
  addresses: readonly string[],
): Promise<Service> {
  const { org, id } = before;
  const held = await tx.find('address', org, { holderKind: 'service', holder: id });
  if (addresses.length > 0) {
    if (addresses.length !== 2) {
      throw invalid('when updating a service, addrs must contain 2 elements', 'addrs');
    }
    const canonical = addresses.map((text) => {
      const address = parseAddr(text);
      return address === undefined ? text : formatAddr(address);
    });
    const ipv6 = held.find(({ family }) => family === 6)?.ip;
    if (ipv6 !== undefined && !canonical.includes(ipv6)) {
      throw invalid('the IPv6 address of a service cannot be changed', 'addrs');
    }
    const ipv4 = checkDeviceAddress(canonical.find((text) => text !== ipv6) ?? '', 'normal');
    const present = held.find(({ family }) => family === 4);
    if (present?.ip !== ipv4) {
      if (present !== undefined) await tx.remove('address', org, { ip: present.ip });
      await takeAddress(tx, before, ipv4, 4);
    }
  }
  // Controllers put the same again and again: that is no change.
  if (isSameRow({ ...before, ...columns }, before)) return before;
  return tx.update('service', org, id, { ...columns, updatedAt: tx.now });
}

async function takeAddress(tx: Tx, service: Service, ip: string, family: 4 | 6): Promise<void> {
  const { org, id } = service;
  if (((await tx.get('address', org, { ip })) ?? (await addressHolder(tx, ip))) !== undefined) {
    throw invalid(`bad IPv${family} address: ${ip} is already in use`, 'addrs');
  }
  await tx.insert('address', heldAddress(org, ip, family, 'service', id));
}

async function takeAddresses(tx: Tx, service: Service, pair: AddressPair): Promise<void> {
  await takeAddress(tx, service, pair.ipv4, 4);
  await takeAddress(tx, service, pair.ipv6, 6);
}
