/** What a member is at a moment, from the facts on its row (suspended outranks waiting for approval). */
import type { Membership } from '../model/people.ts';
import type { Condition } from '../ports/store.ts';

export type MemberState = 'invited' | 'needs-approval' | 'active' | 'suspended';

export function memberState(
  member: Pick<Membership, 'joinedAt' | 'approvedAt' | 'suspendedAt'>,
): MemberState {
  if (member.suspendedAt !== null) return 'suspended';
  if (member.joinedAt === null) return 'invited';
  return member.approvedAt === null ? 'needs-approval' : 'active';
}

/** Members who have joined: those whom every dialect calls a user. */
export const JOINED: Condition<'membership'> = { column: 'joinedAt', operator: 'not-null' };
/** Members who have joined and were approved, suspended or not. */
export const APPROVED: Condition<'membership'> = {
  allOf: [JOINED, { column: 'approvedAt', operator: 'not-null' }],
};
