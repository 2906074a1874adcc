import type { DeviceSet } from './change.ts';

const NONE: ReadonlySet<number> = new Set();

/** The union of disjoint sets less some devices, without copying anything. */
export function unionOf(
  parts: readonly ReadonlySet<number>[],
  except: ReadonlySet<number> = NONE,
): DeviceSet {
  const has = (device: number): boolean => !except.has(device) && parts.some((part) => part.has(device));
  return {
    get size() {
      let size = 0;
      for (const part of parts) size += part.size;
      for (const device of except) if (parts.some((part) => part.has(device))) size--;
      return size;
    },
    has,
    *[Symbol.iterator]() {
      for (const part of parts) for (const device of part) if (!except.has(device)) yield device;
    },
  };
}
