// A process of its own: opens the store (bringing the database to its version), says "open", and writes serial numbers
// one after the other, printing the number of each once it is committed.
// Arguments: location as JSON, organization, how many.
import { systemClock } from '../../src/kernel/clock.ts';
import { openStore, type StoreLocation } from '../../src/store/open-store.ts';

const [location = '', org = '', count = ''] = process.argv.slice(2);
const store = await openStore({
  location: JSON.parse(location) as StoreLocation,
  clock: systemClock,
  onError: () => undefined,
});
process.stdout.write('open\n');
const by = { kind: 'system', id: '', name: 'process' } as const;
for (let written = 0; written < Number(count); written += 1) {
  const id = await store.write({ orgs: [Number(org)], by, origin: 'system' }, async (tx) => {
    const fresh = tx.newId();
    await tx.insert('serialNumber', { org: Number(org), id: fresh, serial: `s${fresh}`, createdAt: tx.now });
    tx.audit(Number(org), { verb: 'create', objectKind: 'serialNumber', objectId: fresh, objectName: '' });
    return fresh;
  });
  process.stdout.write(`${id}\n`);
}
await store.close();
