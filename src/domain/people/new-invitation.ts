/** A new row of an invitation, open from now on. Checks and the audit event are the caller's. */
import { DAY } from '../../kernel/clock.ts';
import { type Random, randomNanoId } from '../../kernel/random.ts';
import { normalizeKey } from '../../kernel/text.ts';
import { type Actor, byColumnsOf } from '../access/actor.ts';
import type { Invitation } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';

/** To an address, whose member waits for it; or to whoever has the link, as `role`. */
type Invited =
  | { readonly email: string; readonly membership: number; readonly role: null }
  | { readonly email: null; readonly membership: null; readonly role: Invitation['role'] };

export const insertInvitation = (
  tx: Tx,
  random: Random,
  actor: Actor,
  given: Invited & { readonly madeBy: Invitation['madeBy']; readonly days: number },
): Promise<Invitation> => {
  const { days, ...invited } = given;
  return tx.insert('invitation', {
    ...invited,
    org: actor.org,
    id: tx.newId(),
    nano: randomNanoId(random),
    openKey: invited.email === null ? null : normalizeKey(invited.email),
    groups: [],
    // Made when the mail is: nothing but its hash is ever stored.
    tokenHash: null,
    epoch: 1,
    tries: 0,
    status: 'pending',
    createdAt: tx.now,
    expiresAt: tx.now + days * DAY,
    lastSentAt: null,
    acceptedBy: null,
    ...byColumnsOf(actor),
  });
};
