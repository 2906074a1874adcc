/** What became of a member, in the organization's audit log. */
import type { AuditVerb } from '../model/operations.ts';
import type { Membership } from '../model/people.ts';
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
