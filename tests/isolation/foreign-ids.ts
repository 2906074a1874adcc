// Every way to name a thing of an organization, in every dialect: ids, encodings of ids, labels, names.

import { type ExternalIdKind, encodeExternalId } from '../../src/domain/ids/external-id.ts';
import { encodeUuid, type UuidKind } from '../../src/domain/ids/uuid8.ts';
import { type EntityKind, entities } from '../../src/domain/model/entities.ts';
import type { Store } from '../../src/domain/ports/store.ts';

/** Columns that name a row beside its id. Not those that say something about it. */
const NAMING = [
  'nano',
  'label',
  'slug',
  'publicId',
  'username',
  'usernameKey',
  'email',
  'key',
  'clientId',
  'nodeKey',
  'prefix',
  'ip',
  'tag',
  'logType',
  'kind',
];
const EXTERNAL: Readonly<Partial<Record<EntityKind, ExternalIdKind>>> = {
  organization: 'organization',
  membership: 'membership',
  device: 'device',
  credential: 'credential',
  webhook: 'webhook',
  postureIntegration: 'postureIntegration',
  oauthApp: 'oauthApp',
};
const UUIDS: ReadonlySet<string> = new Set<UuidKind>([
  'organization',
  'membership',
  'group',
  'device',
  'gateway',
  'network',
  'networkRole',
  'credential',
  'invitation',
  'resource',
  'extClient',
]);
/** Rows of a kind that are tried. */
const PER_KIND = 2;

/** Texts by which the organization's things could be asked for, and nothing that is also another organization's. */
export async function idsOf(
  store: Store,
  org: number,
  not: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const found = new Set<string>();
  for (const kind of Object.keys(entities) as EntityKind[]) {
    // Things of the installation are reached through those of an organization.
    const rows = await store.list(kind, org, { limit: PER_KIND });
    for (const row of rows as unknown as Record<string, unknown>[]) {
      const { id } = row;
      for (const column of NAMING) if (typeof row[column] === 'string') found.add(row[column]);
      if (typeof id !== 'number') continue;
      found.add(String(id));
      const external = EXTERNAL[kind];
      if (external !== undefined) found.add(encodeExternalId(external, id));
      if (UUIDS.has(kind)) found.add(encodeUuid(kind as UuidKind, id));
    }
  }
  return [...found].filter((text) => text !== '' && !not.has(text));
}
