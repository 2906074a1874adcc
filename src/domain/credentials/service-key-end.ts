/** The end of a service key, whichever API ends it. */
import { eachRow } from '../directory/each-row.ts';
import type { Credential } from '../model/credentials.ts';
import type { Tx } from '../ports/store.ts';

/** What a key brought in ends with it: there is nobody at such a device who would notice that its key got out. */
export async function endServiceKey(tx: Tx, { org, id, owner }: Credential): Promise<void> {
  const joined = { ownerKind: 'service_account', owner, credential: id } as const;
  for await (const device of eachRow(tx, 'device', org, joined)) {
    const expired = { keyExpiresAt: tx.now, expiryDisabled: false };
    await tx.update('device', org, device.id, expired);
    tx.audit(org, {
      verb: 'expire',
      objectKind: 'device',
      objectId: device.id,
      objectName: device.label,
      field: 'keyExpiresAt',
      before: device.keyExpiresAt,
      after: tx.now,
    });
  }
}
