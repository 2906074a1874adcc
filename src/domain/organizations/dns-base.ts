/** The domain that all organizations of an installation have their own domains in. */
import type { By } from '../model/operations.ts';
import { INSTALLATION, type Reader, type Store } from '../ports/store.ts';
import { PRIVATE_DNS_BASE } from './names.ts';

/** Kept as a setting of the installation, so that every process and command gives new organizations the same. */
const SETTING = 'dns_base';
const PAGE = 500;

export async function readDnsBase(reader: Pick<Reader, 'get'>): Promise<string> {
  const row = await reader.get('setting', INSTALLATION, { name: SETTING });
  return typeof row?.value === 'string' ? row.value : PRIVATE_DNS_BASE;
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
