/** The domain that all organizations of an installation have their own domains in. */
import type { Setting } from '../model/configuration.ts';
import type { By } from '../model/operations.ts';
import type { Follower } from '../ports/follower.ts';
import { INSTALLATION, type Reader, type Store } from '../ports/store.ts';
import { PRIVATE_DNS_BASE } from './names.ts';

/** Kept as a setting of the installation, so that every process and command gives new organizations the same. */
const SETTING = 'dns_base';
const PAGE = 500;

const baseOf = (row: Pick<Setting, 'value'> | null | undefined): string =>
  typeof row?.value === 'string' ? row.value : PRIVATE_DNS_BASE;

export async function readDnsBase(reader: Pick<Reader, 'get'>): Promise<string> {
  return baseOf(await reader.get('setting', INSTALLATION, { name: SETTING }));
}

/** The domain as it is now, whatever process changes it. */
export interface DnsBase {
  now(): string;
  /** With those that it was before while this process ran. */
  known(): readonly string[];
  stop(): void;
}

export interface DnsBaseParts {
  readonly store: Pick<Store, 'get' | 'feed'>;
  readonly follower: Follower;
  readonly onMoved: (domain: string) => void;
  readonly onError: (error: unknown) => void;
}

export async function followDnsBase({ store, follower, onMoved, onError }: DnsBaseParts): Promise<DnsBase> {
  const from = (await store.feed.heads([INSTALLATION])).get(INSTALLATION) ?? 0;
  let now = await readDnsBase(store);
  const known = new Set([now]);
  const take = (domain: string): void => {
    if (domain === now) return;
    now = domain;
    known.add(domain);
    onMoved(domain);
  };
  const stop = follower.follow(
    INSTALLATION,
    from,
    (changes) => {
      for (const { kind, key, after } of changes)
        if (kind === 'setting' && key === SETTING) take(baseOf(after));
    },
    () => void readDnsBase(store).then(take).catch(onError),
  );
  return { now: () => now, known: () => [...known], stop };
}

/**
 * Gives the installation another domain, and with it every organization, one write each: all devices are known by other
 * names then. One that was interrupted is finished by the next. Processes that run already tell their devices when they are
 * started again. Returns how many organizations moved.
 */
export async function moveDnsBase(store: Store, base: string, by: By): Promise<number> {
  const before = await readDnsBase(store);
  if (before !== base) {
    await store.write({ orgs: [INSTALLATION], by, origin: 'system' }, async (tx) => {
      await tx.put('setting', { org: INSTALLATION, name: SETTING, value: base, updatedAt: tx.now });
      tx.audit(INSTALLATION, {
        verb: 'update',
        objectKind: 'setting',
        objectId: SETTING,
        objectName: SETTING,
        field: SETTING,
        before,
        after: base,
      });
    });
  }
  let moved = 0;
  for (;;) {
    const page = await store.list('organization', INSTALLATION, {
      filters: [{ column: 'dnsBase', operator: '!=', value: base }],
      limit: PAGE,
    });
    for (const { id, label } of page) {
      await store.write({ orgs: [INSTALLATION, id], by, origin: 'system' }, async (tx) => {
        const organization = await tx.get('organization', INSTALLATION, id);
        if (organization === undefined) return;
        await tx.update('organization', INSTALLATION, id, { dnsBase: base });
        const event = {
          verb: 'update',
          objectKind: 'organization',
          objectId: id,
          objectName: label,
          field: 'dnsBase',
          before: organization.dnsBase,
          after: base,
        } as const;
        tx.audit(INSTALLATION, event);
        tx.audit(id, event);
      });
      moved += 1;
    }
    if (page.length < PAGE) return moved;
  }
}
