/**
 * Which organization a request is about, from what it says of itself. A hint never grants anything: it chooses where
 * nobody has signed in yet, and must agree with the credential where somebody has.
 */
import type { Actor } from '../access/actor.ts';
import { decodeUuid } from '../ids/uuid8.ts';
import type { Organization } from '../model/people.ts';
import { INSTALLATION, type Store } from '../ports/store.ts';

export interface TenantHints {
  /** A label, or a UUID that Holdfast made for the organization. */
  readonly tenantId?: string | undefined;
  /** Host header, with or without port. */
  readonly host?: string | undefined;
}

export interface Tenancy {
  /** The organization that the hints name; without any, the only one there is; else undefined. */
  resolve(hints: TenantHints): Promise<Organization | undefined>;
  /** Whether a hint names another organization than the actor's. Hints that name none contradict nobody. */
  contradicts(actor: Actor, hints: TenantHints): Promise<boolean>;
}

const MAX_HINT = 253;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;

/** The first label of a host name that has several; addresses and single names hold none. */
export function hostLabel(host: string | undefined): string | undefined {
  if (host === undefined || host.length > MAX_HINT || host.startsWith('[')) return undefined;
  const [first = '', ...rest] = host.toLowerCase().replace(/:\d+$/u, '').split('.');
  const isAddress = rest.length === 3 && [first, ...rest].every((part) => /^\d+$/u.test(part));
  return rest.length > 0 && !isAddress && LABEL.test(first) ? first : undefined;
}

export function createTenancy({ store }: { readonly store: Store }): Tenancy {
  const byTenantId = async (text: string): Promise<Organization | undefined> => {
    if (text.length > MAX_HINT) return undefined;
    const id = decodeUuid('organization', text);
    return id === undefined ? store.organizationBy('label', text) : store.organizationBy('id', id);
  };
  const byHost = async (host: string | undefined): Promise<Organization | undefined> => {
    const label = hostLabel(host);
    return label === undefined ? undefined : store.organizationBy('label', label);
  };
  return {
    resolve: async ({ tenantId, host }) => {
      // Who names a tenant means that one and no other.
      if (tenantId !== undefined && tenantId !== '') return byTenantId(tenantId);
      const named = await byHost(host);
      if (named !== undefined) return named;
      const [only, another] = await store.list('organization', INSTALLATION, { limit: 2 });
      return another === undefined ? only : undefined;
    },
    contradicts: async (actor, { tenantId, host }) => {
      if (tenantId !== undefined && tenantId !== '') {
        return (await byTenantId(tenantId))?.id !== actor.org;
      }
      const named = await byHost(host);
      return named !== undefined && named.id !== actor.org;
    },
  };
}
