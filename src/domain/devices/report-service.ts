/** What a running device says about itself that others rely on: its name, version and routes. Audited, unlike endpoints. */
import type { Random } from '../../kernel/random.ts';
import type { Device } from '../model/devices.ts';
import type { By } from '../model/operations.ts';
import type { Store } from '../ports/store.ts';
import type { JoinPolicy } from './join-types.ts';
import { freeLabel } from './labels.ts';
import { syncAdvertised } from './routes.ts';

export interface DeviceReport {
  readonly hostname: string;
  readonly os: string;
  readonly clientVersion: string;
  readonly capver: number;
  /** Canonical prefixes. */
  readonly advertised: readonly string[];
}

export interface ReportService {
  /** Brings the model in line with the report. A device that is gone is no error. */
  report(org: number, device: number, report: DeviceReport): Promise<void>;
  /** The device is there: whoever put it away sees it again. */
  connected(org: number, device: number): Promise<void>;
}

export interface ReportServiceParts {
  readonly store: Store;
  readonly random: Random;
  readonly policy: JoinPolicy;
}

export function createReportService({ store, random, policy }: ReportServiceParts): ReportService {
  return {
    connected: async (org, id) => {
      const by: By = { kind: 'device', id: String(id), name: '' };
      await store.write({ orgs: [org], by, origin: 'control' }, async (tx) => {
        const device = await tx.get('device', org, id);
        if (device === undefined || device.archivedAt === null) return;
        await tx.update('device', org, id, { archivedAt: null });
        tx.audit(org, {
          verb: 'restore',
          objectKind: 'device',
          objectId: id,
          objectName: device.label,
          field: 'archivedAt',
          before: device.archivedAt,
        });
      });
    },
    report: async (org, id, report) => {
      const found = await store.get('device', org, id);
      if (found === undefined) return;
      const by: By = { kind: 'device', id: String(id), name: found.label };
      await store.write({ orgs: [org], by, origin: 'control' }, async (tx) => {
        const device = await tx.get('device', org, id);
        if (device === undefined) return;
        const tags = (await tx.find('deviceTag', org, { device: id })).map(({ tag }) => tag);
        const membership = device.ownerKind === 'membership' ? device.owner : null;
        const approved = await policy.autoApproved(org, { membership, tags }, report.advertised);
        const routesChanged = await syncAdvertised(tx, org, id, report.advertised, () => approved);
        const patch = await changedFacts(device, report, () =>
          freeLabel(tx, random, org, report.hostname, device.label),
        );
        if (patch !== undefined) await tx.update('device', org, id, patch);
        if (!routesChanged && patch === undefined) return;
        tx.audit(org, {
          verb: 'update',
          objectKind: 'device',
          objectId: id,
          objectName: patch?.label ?? device.label,
          field: routesChanged ? 'advertisedRoutes' : 'hostinfo',
          after: !routesChanged
            ? patch
            : device.ownerKind === 'gateway'
              ? report.advertised.length
              : report.advertised,
        });
      });
    },
  };
}

async function changedFacts(
  device: Device,
  report: DeviceReport,
  newLabel: () => Promise<string>,
): Promise<Partial<Device> | undefined> {
  const renamed = report.hostname !== '' && report.hostname !== device.osHostname;
  const same =
    !renamed &&
    (report.os === '' || report.os === device.os) &&
    (report.clientVersion === '' || report.clientVersion === device.clientVersion) &&
    report.capver === device.capver;
  if (same) return undefined;
  return {
    osHostname: report.hostname || device.osHostname,
    os: report.os || device.os,
    clientVersion: report.clientVersion || device.clientVersion,
    capver: report.capver,
    // A name that an administrator gave stays whatever the host calls itself.
    ...(renamed && device.givenName === null ? { label: await newLabel() } : {}),
  };
}
