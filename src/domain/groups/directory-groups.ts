/**
 * The groups that an identity provider names when somebody signs in. Each is a group of the directory, made when it is first
 * heard of; whoever is in it is there because the provider said so last. What was put together by hand stays as it is, also
 * where it bears the same name: else anybody who may name a group at the provider could enter one of ours.
 */
import { revokePersonalTokens } from '../credentials/held-credentials.ts';
import type { Group, Membership } from '../model/people.ts';
import type { Tx } from '../ports/store.ts';
import { freeGroupKey } from './group-key.ts';

/** Of one person. */
const MAX_GROUPS_OF_PERSON = 100;
/** Of an organization: what a provider names beyond that is passed over. */
const MAX_DIRECTORY_GROUPS = 5_000;
const MAX_NAME = 255;
const SYSTEM = { byKind: 'system', byId: '', byName: 'single sign-on' } as const;

/** How a group of a provider is known: by the issuer, so that two providers' groups of one name stay two. */
const originOf = (issuer: string, name: string): string => `sso:${issuer}#${name}`;

// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/u;
const isName = (name: string): boolean =>
  name.trim() !== '' && name.length <= MAX_NAME && name.isWellFormed() && !CONTROL.test(name);

/** Names that cannot be a group's, and those beyond the bound, are passed over. The caller's write has its audit event. */
export async function syncDirectoryGroups(
  tx: Tx,
  member: Membership,
  issuer: string,
  names: readonly string[],
): Promise<void> {
  const { org, id } = member;
  const wanted = [...new Set(names.filter(isName))].slice(0, MAX_GROUPS_OF_PERSON);
  const origins = wanted.map((name) => originOf(issuer, name));
  const groups = await tx.find('group', org, { kind: 'directory', originId: origins });
  const byOrigin = new Map(groups.map((group) => [group.originId, group]));
  const target = new Map<number, Group>();
  let room = MAX_DIRECTORY_GROUPS - (await tx.count('group', org, { where: { kind: 'directory' } }));
  for (const name of wanted) {
    const known = byOrigin.get(originOf(issuer, name));
    if (known === undefined && room <= 0) continue;
    const group = known ?? (await insertGroup(tx, org, issuer, name));
    if (known === undefined) room -= 1;
    target.set(group.id, group);
  }
  const present = await tx.find('groupMember', org, { membership: id, source: 'directory' });
  const added = [...target.keys()].filter((group) => !present.some((row) => row.group === group));
  const removed: number[] = [];
  for (const { group } of present) {
    const row = target.has(group) ? undefined : await tx.get('group', org, group);
    if (row?.originId?.startsWith(originOf(issuer, ''))) removed.push(group);
  }
  if (added.length === 0 && removed.length === 0) return;
  await tx.insertAll(
    'groupMember',
    added.map((group) => ({ org, group, membership: id, source: 'directory' as const })),
  );
  for (const group of removed) await tx.remove('groupMember', org, { group, membership: id });
  await revokePersonalTokens(tx, org, [id]);
  tx.audit(org, {
    verb: 'update',
    objectKind: 'membership',
    objectId: id,
    objectName: member.email ?? member.username,
    field: 'groups',
    before: { removed },
    after: { added },
  });
}

async function insertGroup(tx: Tx, org: number, issuer: string, name: string): Promise<Group> {
  const group = await tx.insert('group', {
    org,
    id: tx.newId(),
    name,
    key: await freeGroupKey(tx, org, name, false),
    kind: 'directory',
    systemKey: null,
    active: true,
    originId: originOf(issuer, name),
    securityPolicy: null,
    createdAt: tx.now,
    updatedAt: tx.now,
    ...SYSTEM,
  });
  tx.audit(org, { verb: 'create', objectKind: 'group', objectId: group.id, objectName: name });
  return group;
}
