/**
 * Proxies: endpoints in a network that end TLS or SSH for the resources behind them.
 *
 * Errors of all: `forbidden`, `not_found` (with the kind and id of what is missing), `invalid`, `conflict` (a resource uses it).
 */
import { AppError, invalid } from '../../kernel/errors.ts';
import { type Actor, contextOf } from '../access/actor.ts';
import { authorize } from '../access/authorize.ts';
import { requireRow } from '../directory/missing.ts';
import { isSameRow } from '../directory/same-row.ts';
import type { ResourceProxy } from '../model/networks.ts';
import type { AuditOrigin } from '../model/operations.ts';
import type { Store, Tx } from '../ports/store.ts';
import { requireAuthority } from './certificate-authority-service.ts';
import { parseHostPort } from './resource-rules.ts';

export interface ProxySettings {
  /** `host:port`; the host is a name or an address, IPv6 in brackets. */
  readonly address: string;
  readonly network: number;
  readonly x509Ca: number;
  /** Null: none. */
  readonly sshCa: number | null;
}

export interface ProxyService {
  create(actor: Actor, input: ProxySettings, origin: AuditOrigin): Promise<ResourceProxy>;
  update(
    actor: Actor,
    id: number,
    change: Partial<ProxySettings>,
    origin: AuditOrigin,
  ): Promise<ResourceProxy>;
  remove(actor: Actor, id: number, origin: AuditOrigin): Promise<void>;
}

export function createProxyService({ store }: { readonly store: Store }): ProxyService {
  const isUsed = async (tx: Tx, org: number, proxy: number): Promise<boolean> =>
    (await tx.list('resource', org, { where: { proxy }, limit: 1 })).length > 0;

  return {
    create: async (actor, input, origin) => {
      authorize(actor, 'networks:write');
      const settings = { ...input, address: checkAddress(input.address) };
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        await checkReferences(tx, org, settings);
        const proxy = await tx.insert('proxy', {
          org,
          id: tx.newId(),
          ...settings,
          createdAt: tx.now,
          updatedAt: tx.now,
        });
        audit(tx, proxy, 'create', { after: settings });
        return proxy;
      });
    },

    update: async (actor, id, change, origin) => {
      authorize(actor, 'networks:write');
      const wanted =
        change.address === undefined ? change : { ...change, address: checkAddress(change.address) };
      const { org } = actor;
      return store.write(contextOf(actor, origin), async (tx) => {
        const before = await requireRow(tx, 'proxy', org, id);
        await checkReferences(tx, org, wanted);
        if (
          wanted.network !== undefined &&
          wanted.network !== before.network &&
          (await isUsed(tx, org, id))
        ) {
          throw invalid('the Remote Network of a Gateway with Resources cannot change', 'remoteNetworkId');
        }
        const after = await tx.update('proxy', org, id, wanted);
        if (isSameRow(before, after)) return before;
        audit(tx, after, 'update', { before, after: wanted });
        return tx.update('proxy', org, id, { updatedAt: tx.now });
      });
    },

    remove: async (actor, id, origin) => {
      authorize(actor, 'networks:write');
      const { org } = actor;
      await store.write(contextOf(actor, origin), async (tx) => {
        const proxy = await requireRow(tx, 'proxy', org, id);
        if (await isUsed(tx, org, id)) throw new AppError('conflict', 'a resource uses this proxy');
        await tx.remove('proxy', org, id);
        audit(tx, proxy, 'delete');
      });
    },
  };
}

function checkAddress(text: string): string {
  const address = text.trim();
  if (parseHostPort(address) === undefined) {
    throw invalid('address must be a host and a port, such as 10.0.0.1:8443', 'address');
  }
  return address;
}

async function checkReferences(tx: Tx, org: number, settings: Partial<ProxySettings>): Promise<void> {
  const { network, x509Ca, sshCa } = settings;
  if (network !== undefined) await requireRow(tx, 'network', org, network);
  if (x509Ca !== undefined) await requireAuthority(tx, org, 'x509', x509Ca);
  if (typeof sshCa === 'number') await requireAuthority(tx, org, 'ssh', sshCa);
}

const audit = (
  tx: Tx,
  proxy: ResourceProxy,
  verb: 'create' | 'update' | 'delete',
  change: { readonly before?: unknown; readonly after?: unknown } = {},
): void =>
  tx.audit(proxy.org, {
    verb,
    objectKind: 'proxy',
    objectId: proxy.id,
    objectName: proxy.address,
    network: proxy.network,
    ...change,
  });
