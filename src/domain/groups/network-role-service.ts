/**
 * Network roles that an organization makes itself. The built-in ones cannot be changed.
 *
 * Errors of all: `forbidden`, `not_found`, `invalid`, `taken` (name), `conflict` with the reason in `details.reason`.
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { isSameRow } from '../directory/same-row.ts';
import { membersOfGroups, removeLostClients } from '../ext-clients/lost-clients.ts';
import { encodeUuid } from '../ids/uuid8.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { NetworkRole, RoleAccess } from '../model/people.ts';
import type { Store, Tx } from '../ports/store.ts';
import { administrates, parseBuiltInRole } from './network-access.ts';
import { removeRoleRows } from './network-groups.ts';

export interface NewNetworkRole {
  readonly name: string;
  /** The network's slug, or null for all networks. */
  readonly network: string | null;
  readonly fullAccess: boolean;
  readonly access: RoleAccess;
  readonly metaData: string;
}

export type NetworkRoleChange = Partial<Omit<NewNetworkRole, 'network'>> & {
  /** Must be the present one, where it is given. */
  readonly network?: string | null;
};

export type RoleRefusal = 'built-in' | 'network' | 'in-use';

export interface NetworkRoleService {
  create(actor: Actor, input: NewNetworkRole, origin: AuditOrigin): Promise<NetworkRole>;
  /** @param key the role's literal id */
  update(actor: Actor, key: string, change: NetworkRoleChange, origin: AuditOrigin): Promise<NetworkRole>;
  /** Takes it from the groups that hold it. */
  remove(actor: Actor, key: string, origin: AuditOrigin): Promise<void>;
}

const MAX_NAME = 255;
const MAX_META = 2_000;
const MAX_ACCESS_TEXT = 64 * 1024;

const refuse = (reason: RoleRefusal, message: string): AppError =>
  new AppError('conflict', message, { details: { reason } });

function checkName(text: string): string {
  const name = text.trim();
  if (name === '') throw invalid('role name cannot be empty', 'name');
  if (name.length > MAX_NAME || /\p{Cc}/u.test(name)) {
    throw invalid(`the name must have at most ${MAX_NAME} characters and no control characters`, 'name');
  }
  return name;
}

function checkSizes({ access, metaData }: NetworkRoleChange): void {
  if (access !== undefined && JSON.stringify(access).length > MAX_ACCESS_TEXT) {
    throw new AppError('too_large', 'the role names too many things', { field: 'network_level_access' });
  }
  if (metaData !== undefined && metaData.length > MAX_META) {
    throw invalid(`meta_data must not exceed ${MAX_META} characters`, 'meta_data');
  }
}

/** Nobody makes a role with power over networks that they lack. */
function authorizeAccess(actor: Actor, role: Pick<NetworkRole, 'fullAccess' | 'access'>): void {
  authorize(actor, 'access:write');
  if (administrates(role)) authorize(actor, 'networks:write');
}

export function createNetworkRoleService({ store }: { readonly store: Store }): NetworkRoleService {
  const requireFreeName = async (tx: Tx, org: number, name: string): Promise<void> => {
    const [holder] = await tx.find('networkRole', org, { name }, 1);
    // The built-in roles have their keys for names, made or not.
    if (holder !== undefined || parseBuiltInRole(name) !== undefined) {
      throw new AppError('taken', 'role already exists', { field: 'name' });
    }
  };
  const networkId = async (tx: Tx, org: number, slug: string | null): Promise<number | null> => {
    if (slug === null) return null;
    const [network] = await tx.find('network', org, { slug }, 1);
    if (network === undefined) throw invalid(`network ${slug} does not exist`, 'network_id');
    return network.id;
  };
  const custom = async (tx: Tx, org: number, key: string, what: string): Promise<NetworkRole> => {
    const [role] = await tx.find('networkRole', org, { key }, 1);
    if (role === undefined) throw new AppError('not_found', 'record not found');
    if (role.builtIn) throw refuse('built-in', `cannot ${what} default role`);
    return role;
  };

  return {
    create: async (actor, input, origin) => {
      authorizeAccess(actor, input);
      const name = checkName(input.name);
      checkSizes(input);
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        await requireFreeName(tx, org, name);
        const id = tx.newId();
        const role = await tx.insert('networkRole', {
          org,
          id,
          network: await networkId(tx, org, input.network),
          key: encodeUuid('networkRole', id),
          name,
          fullAccess: input.fullAccess,
          access: input.access,
          builtIn: false,
        });
        if (input.metaData !== '') {
          await tx.insert('networkRoleNetmaker', { org, networkRole: id, metaData: input.metaData });
        }
        audit(tx, role, 'create', { after: { access: role.access, fullAccess: role.fullAccess } });
        return role;
      });
    },

    update: async (actor, key, change, origin) => {
      authorize(actor, 'access:write');
      const name = change.name === undefined ? undefined : checkName(change.name);
      checkSizes(change);
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const role = await custom(tx, org, key, 'update');
        if (change.network !== undefined && (await networkId(tx, org, change.network)) !== role.network) {
          throw refuse('network', 'network id mismatch');
        }
        if (name !== undefined && name !== role.name) await requireFreeName(tx, org, name);
        const wanted = {
          ...(name === undefined ? {} : { name }),
          ...(change.fullAccess === undefined ? {} : { fullAccess: change.fullAccess }),
          ...(change.access === undefined ? {} : { access: change.access }),
        };
        for (const power of [role, { ...role, ...wanted }]) authorizeAccess(actor, power);
        const after = await tx.update('networkRole', org, role.id, wanted);
        if (change.metaData !== undefined) {
          const present = await tx.get('networkRoleNetmaker', org, { networkRole: role.id });
          if ((present?.metaData ?? '') !== change.metaData) {
            await tx.put('networkRoleNetmaker', { org, networkRole: role.id, metaData: change.metaData });
            audit(tx, role, 'update', { field: 'metaData' });
          }
        }
        if (!isSameRow(role, after)) await removeLostClients(tx, org, await holdersOf(tx, role));
        if (!isSameRow(role, after)) audit(tx, role, 'update', { before: role, after: wanted });
        return after;
      });
    },

    remove: async (actor, key, origin) => {
      authorize(actor, 'access:write');
      await store.write(contextOf(actor, origin), async (tx) => {
        const role = await custom(tx, actor.org, key, 'delete');
        authorizeAccess(actor, role);
        const holders = await holdersOf(tx, role);
        await removeRoleRows(tx, role);
        await removeLostClients(tx, actor.org, holders);
        audit(tx, role, 'delete');
      });
    },
  };
}

/** The members of the groups that hold a role. */
async function holdersOf(tx: Tx, { org, id }: NetworkRole): Promise<number[]> {
  const held = await tx.find('groupNetworkRole', org, { networkRole: id });
  return membersOfGroups(
    tx,
    org,
    held.map(({ group }) => group),
  );
}

function audit(
  tx: Tx,
  role: NetworkRole,
  verb: 'create' | 'update' | 'delete',
  change: { readonly field?: string; readonly before?: unknown; readonly after?: unknown } = {},
): void {
  tx.audit(role.org, {
    verb,
    objectKind: 'networkRole',
    objectId: role.id,
    objectName: role.name,
    ...(role.network === null ? {} : { network: role.network }),
    ...change,
  });
}
