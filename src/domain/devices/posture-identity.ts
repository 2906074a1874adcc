/** The serial numbers that devices give of themselves, for organizations that collect them. */
import type { Device } from '../model/devices.ts';
import type { Store } from '../ports/store.ts';

export interface PostureIdentity {
  /** None: the person at the device switched the collection off, or the machine has none. */
  report(device: Pick<Device, 'org' | 'id'>, serials: readonly string[]): Promise<void>;
}

export const createPostureIdentity = ({ store }: { readonly store: Store }): PostureIdentity => ({
  report: async ({ org, id }, serials) => {
    const found = await store.get('device', org, id);
    const wanted = [...new Set(serials)].sort();
    if (found === undefined || wanted.join('\n') === [...found.serials].sort().join('\n')) return;
    const by = { kind: 'device', id: String(id), name: found.label } as const;
    await store.write({ orgs: [org], by, origin: 'control' }, async (tx) => {
      const device = await tx.get('device', org, id);
      if (device === undefined) return;
      await tx.update('device', org, id, { serials: wanted });
      tx.audit(org, {
        verb: 'update',
        objectKind: 'device',
        objectId: id,
        objectName: device.label,
        field: 'serials',
        before: device.serials,
        after: wanted,
      });
    });
  },
});
