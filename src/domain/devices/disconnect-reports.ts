/** What the person at a device gave as the reason for taking it off the network: a line in the organization's audit log. */
import type { Device } from '../model/devices.ts';
import type { Store } from '../ports/store.ts';

export interface DisconnectReports {
  /** A device that is gone is no error. */
  report(device: Pick<Device, 'org' | 'id'>, reason: string): Promise<void>;
}

export const createDisconnectReports = ({ store }: { readonly store: Store }): DisconnectReports => ({
  report: async ({ org, id }, reason) => {
    const device = await store.get('device', org, id);
    if (device === undefined) return;
    const by = { kind: 'device', id: String(id), name: device.label } as const;
    await store.write({ orgs: [org], by, origin: 'control' }, async (tx) =>
      tx.audit(org, {
        verb: 'disable',
        objectKind: 'device',
        objectId: id,
        objectName: device.label,
        field: 'connection',
        details: reason,
      }),
    );
  },
});
