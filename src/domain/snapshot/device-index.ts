/** Rows by the device that they are about, kept up to date as rows come, change and go. */
export interface DeviceIndex<R> {
  /** `row` undefined: it is gone. */
  set(key: string, row: R | undefined): void;
  of(device: number): readonly R[];
}

/** `deviceOf`: null for a row that is about none. */
export function createDeviceIndex<R>(deviceOf: (row: R) => number | null): DeviceIndex<R> {
  const byDevice = new Map<number, Map<string, R>>();
  const placed = new Map<string, number>();
  const lists = new Map<number, readonly R[]>();
  return {
    set: (key, row) => {
      const before = placed.get(key);
      if (before !== undefined) {
        byDevice.get(before)?.delete(key);
        lists.delete(before);
        placed.delete(key);
      }
      const device = row === undefined ? null : deviceOf(row);
      if (row === undefined || device === null) return;
      const rows = byDevice.get(device) ?? new Map<string, R>();
      byDevice.set(device, rows.set(key, row));
      lists.delete(device);
      placed.set(key, device);
    },
    of: (device) => {
      const known = lists.get(device);
      if (known !== undefined) return known;
      const rows = byDevice.get(device);
      const list = rows === undefined ? [] : [...rows.values()];
      if (list.length > 0) lists.set(device, list);
      return list;
    },
  };
}
