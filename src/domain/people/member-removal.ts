/** Taking a person out of an organization, with everything that is theirs alone. */

import { removeCredentials } from '../credentials/credential-removal.ts';
import { removeDevice } from '../devices/device-removal.ts';
import { eachRow } from '../directory/each-row.ts';
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
  for (const { homeOrg, device } of await tx.find('sharedDevice', org, { membership: id })) {
    await tx.remove('sharedDevice', org, { homeOrg, device, membership: id });
  }
  const owned = { ownerKind: 'membership', owner: id } as const;
  for await (const device of eachRow(tx, 'device', org, owned)) {
    await removeDevice(tx, device);
  }
  await removeCredentials(tx, org, owned);
  for await (const { credential } of eachRow(tx, 'session', org, { membership: id })) {
    await tx.remove('session', org, { credential });
  }
  await endPasswordLinks(tx, member);
  for (const { group } of await tx.find('groupMember', org, { membership: id })) {
    await tx.remove('groupMember', org, { group, membership: id });
  }
  for await (const { edge } of eachRow(tx, 'accessLock', org, { membership: id })) {
    await tx.remove('accessLock', org, { edge, membership: id });
  }
  for await (const request of eachRow(tx, 'accessRequest', org, { membership: id })) {
    await tx.remove('accessRequest', org, request.id);
  }
  await releaseClients(tx, member, { keepPlain: keepClients });
  for (const invitation of await tx.find('invitation', org, { membership: id })) {
    await tx.remove('invitation', org, invitation.id);
  }
  for (const identity of await tx.find('identity', org, { account: member.account })) {
    await tx.remove('identity', org, identity.id);
  }
  await tx.remove('membershipSeen', org, { membership: id });
  await tx.remove('membershipNetmaker', org, { membership: id });
  await tx.remove('membership', org, id);
}
