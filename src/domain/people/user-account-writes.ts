/** The parts of writing a person with a password. Checks of who may are the service's. */
import { AppError, invalid } from '../../kernel/errors.ts';
import type { Actor } from '../access/actor.ts';
import { revokeSessions } from '../credentials/held-credentials.ts';
import { requireRows } from '../directory/missing.ts';
import { requireMayFill } from '../groups/group-network-roles.ts';
import type { Identity, Membership } from '../model/people.ts';
import { INSTALLATION, type Tx } from '../ports/store.ts';
import { auditMember } from './audit-member.ts';
import { setOrganizationPassword } from './organization-password.ts';
import { resetOwnFactors } from './second-factor-reset.ts';

export type UserRefusal =
  | 'not-self'
  | 'self-role'
  | 'self-groups'
  | 'self-state'
  | 'second-factor-enforced'
  | 'owner'
  | 'administrator'
  | 'administrator-role'
  | 'external-password';

export const refuse = (reason: UserRefusal): AppError =>
  new AppError('forbidden', `not allowed: ${reason}`, { details: { reason } });

const FOREIGN: ReadonlySet<Identity['kind']> = new Set(['oidc', 'sso']);

export const isSelf = (actor: Actor, id: number): boolean =>
  actor.kind === 'member' && actor.membership === id;

export async function changePassword(tx: Tx, actor: Actor, member: Membership, hash: string): Promise<void> {
  const { org, account } = member;
  const own = await tx.find('identity', org, { account });
  const elsewhere = await tx.find('identity', INSTALLATION, { account });
  // A way in that is valid beyond this organization is its person's own affair.
  const foreign = [...own, ...elsewhere].some(({ kind }) => FOREIGN.has(kind));
  if (foreign || elsewhere.some(({ kind }) => kind === 'password')) throw refuse('external-password');
  await writePassword(tx, member, hash);
  // Whoever got in with the old password is out; the session that changed it stays.
  const kept = isSelf(actor, member.id) && actor.kind === 'member' ? actor.credential?.id : undefined;
  await revokeSessions(tx, org, member.id, kept);
}

export async function writePassword(tx: Tx, member: Membership, secretHash: string): Promise<void> {
  await setOrganizationPassword(tx, member, secretHash);
  auditMember(tx, member, 'update', { field: 'password' });
}

export async function dropSecondFactor(tx: Tx, member: Membership): Promise<void> {
  if (await resetOwnFactors(tx, member))
    auditMember(tx, member, 'update', { field: 'secondFactor', after: null });
}

/** Groups that this member was put into by hand. */
async function handGroups(tx: Tx, { org, id }: Membership): Promise<number[]> {
  return (await tx.find('groupMember', org, { membership: id, source: 'manual' })).map(({ group }) => group);
}

export async function differs(tx: Tx, member: Membership, wanted: readonly number[]): Promise<boolean> {
  const present = await handGroups(tx, member);
  return present.length !== new Set(wanted).size || !present.every((group) => wanted.includes(group));
}

export async function writeGroups(
  tx: Tx,
  actor: Actor,
  member: Membership,
  wanted: readonly number[],
): Promise<void> {
  const { org, id } = member;
  const present = await handGroups(tx, member);
  const groups = await requireRows(tx, 'group', org, wanted);
  if (groups.some(({ kind }) => kind === 'directory')) {
    throw invalid('cannot modify membership of external groups', 'user_group_ids');
  }
  const added = groups.map((group) => group.id).filter((group) => !present.includes(group));
  const removed = present.filter((group) => !wanted.includes(group));
  await requireMayFill(tx, actor, org, added);
  await tx.insertAll(
    'groupMember',
    added.map((group) => ({ org, group, membership: id, source: 'manual' as const })),
  );
  for (const group of removed) await tx.remove('groupMember', org, { group, membership: id });
  if (added.length > 0 || removed.length > 0) {
    auditMember(tx, member, 'update', { field: 'groups', before: { removed }, after: { added } });
  }
}
