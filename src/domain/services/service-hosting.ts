/** Which devices serve which services: what devices say, and what of it the policy approves by itself. */
import type { JoinPolicy } from '../devices/join-types.ts';
import type { Device, Service } from '../model/devices.ts';
import type { Row } from '../model/entities.ts';
import type { Reader, Store, Tx } from '../ports/store.ts';

export interface ServiceHosting {
  /** The names (`svc:…`) of the services that a device serves now. Names of no service are passed over. */
  report(device: Pick<Device, 'org' | 'id'>, names: readonly string[]): Promise<void>;
}

type Host = Row<'serviceHost'>;

interface Wanted {
  readonly service: Service;
  readonly approved: boolean;
}

/** How many services one device may serve. */
const MAX_HOSTED = 1_000;

export function createServiceHosting({
  store,
  policy,
}: {
  readonly store: Store;
  readonly policy: Pick<JoinPolicy, 'autoApprovedServices'>;
}): ServiceHosting {
  const wantedOf = async (
    reader: Reader,
    { org, id, ...device }: Device,
    names: readonly string[],
  ): Promise<Wanted[]> => {
    if (names.length === 0) return [];
    const services = await reader.find('service', org, { name: names.slice(0, MAX_HOSTED) });
    const tags = (await reader.find('deviceTag', org, { device: id })).map(({ tag }) => tag);
    const membership = device.ownerKind === 'membership' ? device.owner : null;
    const approved = await policy.autoApprovedServices(org, { membership, tags }, services);
    return services.map((service) => ({ service, approved: approved.has(service.name) }));
  };

  return {
    report: async ({ org, id }, names) => {
      const device = await store.get('device', org, id);
      if (device === undefined) return;
      const wanted = await wantedOf(store, device, names);
      const listed = await store.find('serviceHost', org, { device: id });
      if (stepsBetween(listed, wanted, id).length === 0) return;
      const by = { kind: 'device', id: String(id), name: device.label } as const;
      await store.write({ orgs: [org], by, origin: 'control' }, async (tx) => {
        if ((await tx.get('device', org, id)) === undefined) return;
        // The policy was asked before: a service may have gone meanwhile.
        const ids = wanted.map(({ service }) => service.id);
        const there = new Set(
          (ids.length === 0 ? [] : await tx.find('service', org, { id: ids })).map((one) => one.id),
        );
        const present = await tx.find('serviceHost', org, { device: id });
        const still = wanted.filter(({ service }) => there.has(service.id));
        const steps = stepsBetween(present, still, id);
        for (const step of steps) await take(tx, step);
        if (steps.length === 0) return;
        tx.audit(org, {
          verb: 'update',
          objectKind: 'device',
          objectId: id,
          objectName: device.label,
          field: 'services',
          after: still.map(({ service }) => service.name),
        });
      });
    },
  };
}

type Step = { readonly put: Host } | { readonly gone: Host };

const take = async (tx: Tx, step: Step): Promise<void> => {
  if ('put' in step) return tx.put('serviceHost', step.put);
  const { org, service, device } = step.gone;
  await tx.remove('serviceHost', org, { service, device });
};

/**
 * The policy is asked when a device begins to serve, as for routes; what a person decides then stands. An approval that a
 * person gave stays while the device does not serve.
 */
function stepsBetween(present: readonly Host[], wanted: readonly Wanted[], device: number): Step[] {
  const steps: Step[] = [];
  const known = new Map(present.map((host) => [host.service, host]));
  const served = new Set(wanted.map(({ service }) => service.id));
  for (const { service, approved } of wanted) {
    const before = known.get(service.id);
    const after: Host = {
      org: service.org,
      service: service.id,
      device,
      approval: before?.approval ?? (approved ? 'approved:auto' : 'not-approved'),
      advertised: true,
    };
    if (before?.approval !== after.approval || !before.advertised) steps.push({ put: after });
  }
  for (const host of present) {
    if (served.has(host.service)) continue;
    if (host.approval !== 'approved:manual') steps.push({ gone: host });
    else if (host.advertised) steps.push({ put: { ...host, advertised: false } });
  }
  return steps;
}
