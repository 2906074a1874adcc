/** Rows that no dialect shows, whatever is asked for. */
import type { EntityKind } from '../model/entities.ts';
import { type Condition, exists } from '../ports/store.ts';

/** The hidden group of the members that were attached to one gateway (`gw-<id>-users`). */
const GATEWAY_GROUP_PREFIX = 'gw-';

export const SHOWN: { readonly [K in EntityKind]?: Condition<K> } = {
  // A gateway's hidden group is one only when somebody is in it.
  group: {
    anyOf: [
      { column: 'systemKey', operator: 'is-null' },
      { not: { column: 'systemKey', operator: 'starts-with-exact', value: GATEWAY_GROUP_PREFIX } },
      exists('groupMember', { group: 'id' }),
    ],
  },
  // The account that owns OAuth clients is a means, not somebody.
  serviceAccount: { column: 'system', operator: '=', value: false },
  credential: { column: 'ownerKind', operator: '=', value: 'service_account' },
};
