/** Taking a person out of an organization, with everything that is theirs alone. */
import { removeCredentials } from '../credentials/credential-removal.ts';
import { removeDevice } from '../devices/device-removal.ts';
import { eachRow, removeEach } from '../directory/each-row.ts';
import { releaseClients } from '../ext-clients/client-removal.ts';
import type { Membership } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';
import { endPasswordLinks } from './password-links.ts';

/**
 * Their devices, credentials, ways to sign in here, places in groups, external clients and open requests go. Access edges,
 * tagged devices and the text of who did what stay. `keepClients`: external clients that belong to no program stay, switched
 * off, as the organization's. The audit event is the caller's.
 */
export async function removeMember(
  tx: Tx,
  member: Membership,
  { keepClients }: { readonly keepClients: boolean } = { keepClients: false },
): Promise<void> {
  const { org, id } = member;
  // Its organization's rows of who accepted go when a process that serves it notices.
  await removeEach(tx, 'sharedDevice', org, { membership: id });
  const owned = { ownerKind: 'membership', owner: id } as const;
  for await (const device of eachRow(tx, 'device', org, owned)) {
    await removeDevice(tx, device);
  }
  await removeCredentials(tx, org, owned);
  await removeEach(tx, 'session', org, { membership: id });
  await endPasswordLinks(tx, member);
  await removeEach(tx, 'groupMember', org, { membership: id });
  await removeEach(tx, 'accessLock', org, { membership: id });
  await removeEach(tx, 'accessRequest', org, { membership: id });
  await releaseClients(tx, member, { keepPlain: keepClients });
  await removeEach(tx, 'invitation', org, { membership: id });
  await removeEach(tx, 'identity', org, { account: member.account });
  await tx.remove('membershipSeen', org, { membership: id });
  await tx.remove('membershipNetmaker', org, { membership: id });
  await tx.remove('membership', org, id);
}
