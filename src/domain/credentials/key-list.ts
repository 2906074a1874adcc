/** Keys in force, as far as the actor may see them. */
import type { Clock } from '../../kernel/clock.ts';
import type { Actor } from '../access/actor.ts';
import { authorize, decide } from '../access/authorize.ts';
import type { Credential } from '../model/credentials.ts';
import type { Condition, Store } from '../ports/store.ts';
import {
  CREDENTIAL_FAMILIES,
  type CredentialFamily,
  FAMILY_PERMISSIONS,
  familyOf,
  kindsOfFamily,
} from './kinds.ts';

/** More keys than any organization keeps in force; beyond it an answer would be cut silently. */
const MAX_LISTED = 10_000;

export interface KeyList {
  /**
   * `own`: the caller's keys, or, for a credential that belongs to the organization, all of its own family (a client
   * sees clients). `all`: every key of the families that the actor may read.
   */
  list(actor: Actor, which: 'own' | 'all'): Promise<Credential[]>;
}

/** Made by the member, or theirs whoever made it. */
const ownedBy = (membership: number): Condition<'credential'> => ({
  anyOf: [
    {
      allOf: [
        { column: 'byKind', operator: '=', value: 'membership' },
        { column: 'byId', operator: '=', value: String(membership) },
      ],
    },
    {
      allOf: [
        { column: 'ownerKind', operator: '=', value: 'membership' },
        { column: 'owner', operator: '=', value: membership },
      ],
    },
  ],
});

export const READ_ANY_KEY = CREDENTIAL_FAMILIES.map((family) => FAMILY_PERMISSIONS[family].read);

export function createKeyList({ store, clock }: { readonly store: Store; readonly clock: Clock }): KeyList {
  /** Of what the caller's token was minted from, or of the token itself. */
  const ownFamily = async (org: number, token: number): Promise<CredentialFamily | undefined> => {
    const row = await store.get('credential', org, token);
    const from = row?.parent ? await store.get('credential', org, row.parent) : row;
    return from && familyOf(from.kind);
  };

  const familiesOf = async (actor: Actor, which: 'own' | 'all'): Promise<readonly CredentialFamily[]> => {
    const readable = CREDENTIAL_FAMILIES.filter(
      (family) => decide(actor, FAMILY_PERMISSIONS[family].read) === undefined,
    );
    if (which === 'all' || actor.kind === 'member' || actor.kind === 'system') return readable;
    // A token with every scope sees everything; others see the family that they come from.
    if (actor.credential.scopes.some((scope) => scope === 'all' || scope === 'all:read')) return readable;
    const own = await ownFamily(actor.org, actor.credential.id);
    return readable.filter((family) => family === own);
  };
  return {
    list: async (actor, which) => {
      authorize(actor, { anyOf: READ_ANY_KEY });
      const own = which === 'own' && actor.kind === 'member' ? actor : undefined;
      const kinds = (await familiesOf(actor, which)).flatMap(kindsOfFamily);
      return store.list('credential', actor.org, {
        where: { kind: kinds, revokedAt: null, consumedAt: null },
        condition: {
          allOf: [
            {
              anyOf: [
                { column: 'expiresAt', operator: 'is-null' },
                { column: 'expiresAt', operator: '>', value: clock.now() },
              ],
            },
            ...(own === undefined ? [] : [ownedBy(own.membership)]),
          ],
        },
        limit: MAX_LISTED,
      });
    },
  };
}
