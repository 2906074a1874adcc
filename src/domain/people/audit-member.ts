/** What became of a member, in the organization's audit log. */
import type { AuditVerb } from '../model/operations.ts';
import type { Invitation, Membership } from '../model/people.ts';
import { loginName } from '../organizations/names.ts';
import type { Tx } from '../ports/store.ts';

export function auditMember(
  tx: Tx,
  member: Membership,
  verb: AuditVerb,
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(member.org, {
    verb,
    objectKind: 'membership',
    objectId: member.id,
    objectName: loginName(member),
    ...change,
  });
}

/** Who is invited is nobody's user before they join, so their row comes and goes as an invitation. */
export function auditInvitation(
  tx: Tx,
  member: Membership,
  { org, id }: Invitation,
  verb: 'create' | 'revoke',
  after?: { readonly role: Membership['role'] },
): void {
  tx.audit(org, { verb, objectKind: 'invitation', objectId: id, objectName: loginName(member), after });
}
