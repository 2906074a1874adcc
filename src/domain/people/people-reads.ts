/**
 * Reading people, for dialects that name them by user name and show how they sign in. Members with `members:read` see
 * everybody, everybody sees himself.
 */

import { AppError, notFound } from '../../kernel/errors.ts';
import { normalizeKey } from '../../kernel/text.ts';
import type { Actor } from '../access/actor.ts';
import { authorize, decide } from '../access/authorize.ts';
import { requireSelf } from '../access/self.ts';
import { chunksOf } from '../directory/directory.ts';
import type { Group, Identity, Membership } from '../model/people.ts';
import type { MemberPageQuery } from '../ports/queries.ts';
import { type Condition, INSTALLATION, type Store } from '../ports/store.ts';

const IDS_PER_QUERY = 5_000;
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

/** How a member signs in. */
export interface SignInFacts {
  /** The issuer of the identity provider that the member signs in with, or null for those of Holdfast itself. */
  readonly issuer: string | null;
  readonly hasPassword: boolean;
  readonly hasSecondFactor: boolean;
  /** Null: never. */
  readonly lastSignIn: number | null;
}

export interface PeopleReads {
  /** Errors: `not_found`; `forbidden` for whoever asks for another and may not, whether or not there is one. */
  byUsername(actor: Actor, username: string): Promise<Membership>;
  /** The ids of those who joined, by their user names; names that nobody has are passed over. Requires `members:read`. */
  idsOf(actor: Actor, usernames: readonly string[]): Promise<readonly number[]>;
  /** The actor's own row. Errors: `forbidden` for actors that are no people, and where the name is not their own. */
  self(actor: Actor, username: string, need: 'self:read' | 'write'): Promise<Membership>;
  /** In order of user names, from after a row on. Requires `members:read`. */
  listByUsername(
    actor: Actor,
    options: {
      readonly condition: Condition<'membership'>;
      readonly after?: Pick<Membership, 'usernameKey' | 'id'>;
      readonly limit: number;
    },
  ): Promise<Membership[]>;
  /** A page of users with the number of all. Requires `members:read`. */
  page(
    actor: Actor,
    query: MemberPageQuery,
  ): Promise<{ readonly members: readonly Membership[]; readonly total: number }>;
  /** Whether the actor may know more of these members than who they are: what the methods below tell. */
  mayRead(actor: Actor, members: readonly Pick<Membership, 'id'>[]): boolean;
  signInFacts(actor: Actor, members: readonly Membership[]): Promise<ReadonlyMap<number, SignInFacts>>;
  /** Personal access tokens of each member that are not revoked; members without any are absent. */
  accessTokens(actor: Actor, members: readonly Membership[]): Promise<ReadonlyMap<number, number>>;
  /** The groups that each member was put in; `Everyone` is not among them. */
  groupsOf(actor: Actor, members: readonly Membership[]): Promise<ReadonlyMap<number, readonly Group[]>>;
}

const FOREIGN_KINDS: ReadonlySet<Identity['kind']> = new Set(['oidc', 'sso']);

function factsOf(identities: readonly Identity[]): SignInFacts {
  const used = identities.flatMap(({ lastUsed }) => lastUsed ?? []);
  return {
    issuer: identities.find(({ kind }) => FOREIGN_KINDS.has(kind))?.issuer ?? null,
    hasPassword: identities.some(({ kind }) => kind === 'password'),
    hasSecondFactor: identities.some(({ kind }) => kind === 'totp'),
    lastSignIn: used.length === 0 ? null : Math.max(...used),
  };
}

export function createPeopleReads({ store }: { readonly store: Store }): PeopleReads {
  const isSelf = (actor: Actor, member: Pick<Membership, 'id'>): boolean =>
    actor.kind === 'member' && actor.membership === member.id && actor.permissions.has('self:read');
  const areSelf = (actor: Actor, members: readonly Pick<Membership, 'id'>[]): boolean =>
    members.every((member) => isSelf(actor, member));
  const allow = (actor: Actor, members: readonly Pick<Membership, 'id'>[]): void => {
    if (!areSelf(actor, members)) authorize(actor, 'members:read');
  };

  return {
    mayRead: (actor, members) => areSelf(actor, members) || decide(actor, 'members:read') === undefined,
    byUsername: async (actor, username) => {
      const usernameKey = normalizeKey(username);
      const refusal = decide(actor, 'members:read');
      const [found] = await store.find('membership', actor.org, { usernameKey }, 1);
      if (found !== undefined && isSelf(actor, found)) return found;
      if (refusal !== undefined) throw new AppError('forbidden', 'forbidden');
      if (found === undefined) throw notFound('user');
      return found;
    },
    idsOf: async (actor, usernames) => {
      authorize(actor, 'members:read');
      const keys = [...new Set(usernames.map(normalizeKey))];
      const found: number[] = [];
      for (const chunk of chunksOf(keys, IDS_PER_QUERY)) {
        const members = await store.find('membership', actor.org, { usernameKey: chunk }, UNBOUNDED);
        found.push(...members.filter(({ joinedAt }) => joinedAt !== null).map(({ id }) => id));
      }
      return found;
    },
    self: async (actor, username, need) => {
      const { org, membership } = requireSelf(actor, need);
      const own = await store.get('membership', org, membership);
      if (own?.usernameKey !== normalizeKey(username)) throw new AppError('forbidden', 'forbidden');
      return own;
    },
    listByUsername: async (actor, { condition, after, limit }) => {
      authorize(actor, 'members:read');
      return store.list('membership', actor.org, {
        condition,
        orderBy: [{ column: 'usernameKey' }],
        ...(after === undefined ? {} : { after: [after.usernameKey, after.id] }),
        limit,
      });
    },
    page: async (actor, query) => {
      authorize(actor, 'members:read');
      const { ids, total } = await store.queries.memberPage(actor.org, query);
      const rows = await store.find('membership', actor.org, { id: ids }, UNBOUNDED);
      const byId = new Map(rows.map((row) => [row.id, row]));
      return { members: ids.flatMap((id) => byId.get(id) ?? []), total };
    },
    signInFacts: async (actor, members) => {
      allow(actor, members);
      const byAccount = new Map<number, Identity[]>();
      const accounts = members.map(({ account }) => account);
      for (const chunk of chunksOf(accounts, IDS_PER_QUERY)) {
        for (const org of [actor.org, INSTALLATION]) {
          for (const identity of await store.find('identity', org, { account: chunk }, UNBOUNDED)) {
            const known = byAccount.get(identity.account);
            if (known === undefined) byAccount.set(identity.account, [identity]);
            else known.push(identity);
          }
        }
      }
      return new Map(members.map(({ id, account }) => [id, factsOf(byAccount.get(account) ?? [])]));
    },
    accessTokens: async (actor, members) => {
      allow(actor, members);
      return store.countRelated('credential', actor.org, {
        relation: { parent: 'owner' },
        parents: members.map(({ id }) => id),
        condition: {
          allOf: [
            { column: 'ownerKind', operator: '=', value: 'membership' },
            { column: 'kind', operator: '=', value: 'pat' },
            { column: 'revokedAt', operator: 'is-null' },
          ],
        },
      });
    },
    groupsOf: async (actor, members) => {
      allow(actor, members);
      const { org } = actor;
      const ids = members.map(({ id }) => id);
      const links = [];
      for (const chunk of chunksOf(ids, IDS_PER_QUERY)) {
        links.push(...(await store.find('groupMember', org, { membership: chunk }, UNBOUNDED)));
      }
      const groups = new Map<number, Group>();
      for (const chunk of chunksOf([...new Set(links.map(({ group }) => group))], IDS_PER_QUERY)) {
        for (const group of await store.find('group', org, { id: chunk }, UNBOUNDED))
          groups.set(group.id, group);
      }
      const byMember = Map.groupBy(links, ({ membership }) => membership);
      return new Map(
        ids.map((id) => [id, (byMember.get(id) ?? []).flatMap(({ group }) => groups.get(group) ?? [])]),
      );
    },
  };
}
