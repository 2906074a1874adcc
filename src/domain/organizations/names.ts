import type { Organization } from '../model/people.ts';

/**
 * Where the operator gives no domain. `.internal` is reserved for private use, so no public name is ever hidden by a network's
 * own; and no public authority gives certificates for it.
 */
export const PRIVATE_DNS_BASE = 'holdfast.internal';

type Named = Pick<Organization, 'label' | 'dnsBase'>;

/** The domain under which an organization's devices have names: `<device>.<label>.<base>`. */
export const magicDnsSuffix = (organization: Named): string =>
  `${organization.label}.${organization.dnsBase}`;

/** The full name of a device, without trailing dot. */
export const deviceFqdn = (organization: Named, deviceLabel: string): string =>
  `${deviceLabel}.${magicDnsSuffix(organization)}`;

const SERVICE_PREFIX = 'svc:';

/** The full name of a service, such as `svc:web`; without trailing dot. */
export const serviceFqdn = (organization: Named, service: string): string =>
  deviceFqdn(organization, service.slice(SERVICE_PREFIX.length));

/** The login of a member as dialects and policies see it; one without e-mail is nobody outside. */
export const loginName = (member: { readonly email: string | null; readonly username: string }): string =>
  member.email ?? `${member.username}@local`;

/** The name that a person is shown by. */
export function displayName(member: {
  readonly displayName: string | null;
  readonly givenName: string | null;
  readonly familyName: string | null;
  readonly email: string | null;
  readonly username: string;
}): string {
  const full = [member.givenName, member.familyName].filter(Boolean).join(' ');
  return member.displayName || full || loginName(member);
}
