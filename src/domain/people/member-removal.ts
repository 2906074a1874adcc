/** Taking a person out of an organization, with everything that is theirs alone. */
import { removeDevice } from '../devices/device-removal.ts';
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
  for (const device of await tx.find('device', org, { ownerKind: 'membership', owner: id })) {
    await removeDevice(tx, device);
  }
  for (const credential of await tx.find('credential', org, { ownerKind: 'membership', owner: id })) {
    await tx.remove('credential', org, credential.id);
  }
  for (const { credential } of await tx.find('session', org, { membership: id })) {
    await tx.remove('session', org, { credential });
  }
  await endPasswordLinks(tx, member);
  for (const { group } of await tx.find('groupMember', org, { membership: id })) {
    await tx.remove('groupMember', org, { group, membership: id });
  }
  for (const { edge } of await tx.find('accessLock', org, { membership: id })) {
    await tx.remove('accessLock', org, { edge, membership: id });
  }
  for (const request of await tx.find('accessRequest', org, { membership: id })) {
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
