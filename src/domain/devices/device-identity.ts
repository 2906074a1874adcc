/**
 * Who a device is, for others to check: a token that it asks for and shows elsewhere, to a cloud or to another organization
 * that trusts this one's. Every organization is an issuer of its own, under an id that no other one ever gets, so whoever
 * trusts it need not look at anything else to keep its neighbours out.
 */
import { type Clock, MINUTE, SECOND } from '../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { type Random, randomNanoId } from '../../kernel/random.ts';
import type { Device } from '../model/devices.ts';
import type { Organization } from '../model/people.ts';
import { deviceFqdn, loginName } from '../organizations/names.ts';
import type { IdentityTokens } from '../ports/identity-tokens.ts';
import { INSTALLATION, type Store } from '../ports/store.ts';
import { isInForce } from './in-force.ts';

const IDENTITY_LIFETIME_MS = 5 * MINUTE;
export const IDENTITY_ALGORITHM = 'RS256';
export const MAX_AUDIENCE = 1_024;
const CONTROL = /\p{Cc}/u;

/** Under the origin that people know; what is published for the issuer lies under it. */
export const IDENTITY_PATH = '/identity/';

export const identityIssuer = (origin: string, { nano }: Pick<Organization, 'nano'>): string =>
  `${origin}${IDENTITY_PATH}${nano}`;

/** What tokens say, for whoever reads what is published. */
export const IDENTITY_CLAIMS: readonly string[] = [
  ...['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti'],
  ...['key', 'addresses', 'nid', 'node', 'domain', 'tags', 'user', 'uid'],
];

export interface DeviceIdentity {
  /**
   * A token for one audience. `origin`: where the issuer is found. Errors: `invalid` (audience), `forbidden` (a device that is
   * not part of the network now), `not_found`.
   */
  tokenFor(
    device: Pick<Device, 'org' | 'id'>,
    asked: { readonly audience: string; readonly origin: string },
  ): Promise<string>;
}

export interface DeviceIdentityParts {
  readonly store: Store;
  readonly tokens: Pick<IdentityTokens, 'sign'>;
  readonly clock: Clock;
  readonly random: Random;
}

function checkAudience(audience: string): void {
  if (audience.trim() === '') throw invalid('Audience: is missing', 'Audience');
  if (audience.length > MAX_AUDIENCE || CONTROL.test(audience))
    throw invalid(`Audience: must be at most ${MAX_AUDIENCE} printable characters`, 'Audience');
}

export function createDeviceIdentity({ store, tokens, clock, random }: DeviceIdentityParts): DeviceIdentity {
  /** Tagged devices are nobody's: they say their tags, others whose they are. */
  async function ownerClaims({ org, id, ownerKind, owner }: Device, domain: string): Promise<object> {
    if (ownerKind === 'membership') {
      const member = await store.get('membership', org, owner);
      return member === undefined ? {} : { user: `${domain}:${loginName(member)}`, uid: member.id };
    }
    const tags = await store.find('deviceTag', org, { device: id });
    return tags.length === 0 ? {} : { tags: tags.map(({ tag }) => `${domain}:${tag}`).sort() };
  }

  return {
    tokenFor: async ({ org, id }, { audience, origin }) => {
      checkAudience(audience);
      const now = clock.now();
      const device = await store.get('device', org, id);
      const organization = await store.get('organization', INSTALLATION, org);
      if (device === undefined || organization === undefined) throw notFound('device');
      if (!(await isInForce(store, device, now)))
        throw new AppError('forbidden', 'this device is not part of the network now');
      const addresses = await store.find('address', org, { holderKind: 'device', holder: id });
      const name = deviceFqdn(organization, device.label);
      const domain = organization.tailnetName;
      const seconds = Math.floor(now / SECOND);
      return tokens.sign(org, {
        iss: identityIssuer(origin, organization),
        sub: name,
        aud: audience,
        iat: seconds,
        nbf: seconds,
        exp: seconds + IDENTITY_LIFETIME_MS / SECOND,
        jti: randomNanoId(random),
        key: device.nodeKey,
        addresses: addresses.map(({ ip }) => ip),
        nid: device.id,
        node: name,
        domain,
        ...(await ownerClaims(device, domain)),
      });
    },
  };
}
