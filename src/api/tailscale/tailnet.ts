/** `{tailnet}` in a path: `-`, the id, the name, the domain of its devices. Whatever is not the caller's own does not exist. */
import type { Actor } from '../../domain/access/actor.ts';
import { decodeDecimalId, decodeExternalId, encodeExternalId } from '../../domain/ids/external-id.ts';
import type { Organization } from '../../domain/model/people.ts';
import { magicDnsSuffix } from '../../domain/organizations/names.ts';
import { INSTALLATION, type Store } from '../../domain/ports/store.ts';
import { notFound } from '../../kernel/errors.ts';

export type OrganizationReader = Pick<Store, 'get'>;

export async function organizationOf(reader: OrganizationReader, actor: Actor): Promise<Organization> {
  const organization = await reader.get('organization', INSTALLATION, actor.org);
  if (organization === undefined) throw notFound('organization');
  return organization;
}

export const tailnetId = (org: number): string => encodeExternalId('organization', org);

/** Errors: `not_found`. */
export async function requireTailnet(reader: OrganizationReader, actor: Actor, name: string): Promise<void> {
  if (name === '-' || decodeExternalId('organization', name) === actor.org) return;
  const organization = await organizationOf(reader, actor);
  if (organization.tailnetName !== name && magicDnsSuffix(organization) !== name) throw notFound('tailnet');
}

/** A device id in either of its forms; undefined for anything else, which means: there is no such device. */
export const deviceIdOf = (text: string): number | undefined =>
  decodeExternalId('device', text) ?? decodeDecimalId(text);
