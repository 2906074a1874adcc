/** The addresses of what is no device: services and external clients. */
import type { Address } from '../model/devices.ts';
import type { Change } from '../ports/store.ts';

/** A holder's addresses, IPv4 first, when one of them came, is another, or is gone (`after` null). */
export function replaceAddress(
  held: readonly Address[],
  { ip }: Address,
  after: Address | null,
): readonly Address[] {
  const others = held.filter((address) => address.ip !== ip);
  return after === null ? others : [...others, after].sort((a, b) => a.family - b.family);
}

export interface HeldAddresses {
  apply(change: Change<'address'>): void;
  /** IPv4 first. */
  of(kind: HolderKind, holder: number): readonly string[];
}

type HolderKind = 'service' | 'ext-client';

export function createHeldAddresses(): HeldAddresses {
  const byHolder: Readonly<Record<HolderKind, Map<number, readonly Address[]>>> = {
    service: new Map(),
    'ext-client': new Map(),
  };

  return {
    apply: ({ before, after }) => {
      const row = after ?? before;
      if (row?.holderKind !== 'service' && row?.holderKind !== 'ext-client') return;
      const holders = byHolder[row.holderKind];
      const held = replaceAddress(holders.get(row.holder) ?? [], row, after);
      if (held.length === 0) holders.delete(row.holder);
      else holders.set(row.holder, held);
    },
    of: (kind, holder) => (byHolder[kind].get(holder) ?? []).map(({ ip }) => ip),
  };
}
