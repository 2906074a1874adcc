/**
 * People belong to several organizations. A session that is good everywhere speaks for its person in all of them: the
 * organization of the path decides who is asking. Any other credential is good for its own organization alone.
 */
import type { Sessions } from '../../auth/sessions.ts';
import { type Actor, memberPermissions } from '../../domain/access/actor.ts';
import type { Organization } from '../../domain/model/people.ts';
import { loginName } from '../../domain/organizations/names.ts';
import type { Store } from '../../domain/ports/store.ts';
import { AppError } from '../../kernel/errors.ts';

type Member = Extract<Actor, { readonly kind: 'member' }>;

/** Somebody who is signed in to another organization than the one that the request is about. */
export type Visitor = Member & {
  /** Who they are where they are signed in. */
  readonly home: Member;
};

export const isVisitor = (actor: Actor): actor is Visitor => 'home' in actor;

export interface Elsewhere {
  /** Who the actor is in the organization of that id or label; the actor itself where it is nobody there. */
  actorIn(actor: Actor, organization: string): Promise<Actor>;
  /** In order of their ids; undefined for a credential that is good for its own alone. */
  organizations(
    actor: Actor,
  ): Promise<readonly { readonly organization: Organization; readonly actor: Actor }[] | undefined>;
  /** A session where they visit. */
  enter(visitor: Visitor): Promise<{ readonly token: string; readonly expiresInSeconds: number }>;
}

export function createElsewhere(parts: {
  readonly store: Pick<Store, 'organizationBy' | 'queries'>;
  readonly sessions: Pick<Sessions, 'elsewhere' | 'openElsewhere' | 'openedWith'>;
}): Elsewhere {
  const { store, sessions } = parts;
  const personOf = (actor: Actor): Member | undefined =>
    actor.kind === 'member' && actor.credential?.kind === 'session' ? actor : undefined;

  const visit = async (home: Member, org: number): Promise<Actor> => {
    if (org === home.org) return home;
    try {
      const { member } = await sessions.elsewhere(home, org);
      const scopes = home.credential?.scopes ?? [];
      const visitor: Visitor = {
        ...home,
        home,
        org,
        membership: member.id,
        name: loginName(member),
        role: member.role,
        permissions: memberPermissions(member.role, scopes),
      };
      return visitor;
    } catch (error) {
      if (error instanceof AppError && ['forbidden', 'not_found'].includes(error.code)) return home;
      throw error;
    }
  };

  return {
    actorIn: async (actor, name) => {
      const person = personOf(actor);
      if (person === undefined) return actor;
      const found = (await store.organizationBy('nano', name)) ?? (await store.organizationBy('label', name));
      return found === undefined ? actor : visit(person, found.id);
    },
    organizations: async (actor) => {
      const person = personOf(actor);
      const opened = person && (await sessions.openedWith(person));
      if (person === undefined || opened?.everywhere !== true) return undefined;
      const memberships = await store.queries.accountMemberships(opened.account);
      const found = await Promise.all(
        memberships.map(async ({ org }) => {
          const organization = await store.organizationBy('id', org);
          const there = await visit(person, org);
          // One that asks for more than this sign-in has is not entered, and so not shown.
          return organization === undefined || there.org !== org ? [] : [{ organization, actor: there }];
        }),
      );
      return found.flat().sort((a, b) => a.organization.id - b.organization.id);
    },
    enter: async ({ home, org }) => {
      const { token, issuedAt, expiresAt } = await sessions.openElsewhere(home, org, {
        name: 'token exchange',
        origin: 'keycard-api',
      });
      return { token, expiresInSeconds: Math.floor((expiresAt - issuedAt) / 1000) };
    },
  };
}
