/**
 * What devices publish to get certificates (ACME, dns-01): a text at a name that is the device's own, or of a service that it
 * serves, for some minutes. It is kept in the store, so that whichever process the authority's question reaches can answer it.
 */
import { type Clock, MINUTE } from '../../kernel/clock.ts';
import { AppError, invalid, notFound } from '../../kernel/errors.ts';
import { isInForce } from '../devices/in-force.ts';
import type { CertChallenge, Device } from '../model/devices.ts';
import { deviceFqdn, serviceFqdn } from '../organizations/names.ts';
import type { ChallengeDns } from '../ports/challenge-dns.ts';
import { INSTALLATION, type Reader, type Store, type Tx } from '../ports/store.ts';
import { challengeName, LACK_SENTENCES, readCertificateLack } from './certificate-names.ts';

/** Authorities ask within seconds, and from several places; a client that waits longer begins anew. */
export const CHALLENGE_LIFETIME_MS = 10 * MINUTE;
/** A certificate for a name and for all names under it needs two at once. Few, so that the answer fits one packet. */
const MAX_VALUES = 4;
/** Values that may be set at a name within the time that one lives. */
const MAX_SETS = 12;
/** The digest of a key authorization: SHA-256 in base64url (RFC 8555 §8.4). */
const VALUE = /^[A-Za-z0-9_-]{43}$/u;
/** A value that is set again this long before its end is left alone. */
const LONG_ENOUGH_MS = CHALLENGE_LIFETIME_MS / 2;

interface ChallengeRequest {
  readonly org: number;
  readonly device: number;
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

export interface Challenges {
  /**
   * Resolves when the public DNS has the value. Errors: `invalid` (type, value), `forbidden` (a name that is neither the device's
   * own nor a service's that it serves; a device that may not; certificates are not to be had), `not_found` (device), `rate_limited`, `unavailable`.
   */
  set(request: ChallengeRequest): Promise<void>;
  /** The domain for whose names the public DNS has them now; undefined: for none. */
  domain(): string | undefined;
}

/** The values at a full name in lower case, without trailing dot; none when there is no such name. */
export type ChallengeValues = (name: string) => Promise<readonly string[]>;

export const createChallengeValues =
  ({ store, clock }: Pick<ChallengesParts, 'store' | 'clock'>): ChallengeValues =>
  async (name) => {
    const row = await store.lookup('certChallenge', 'name', name);
    return row === undefined ? [] : living(row, clock.now()).map(({ value }) => value);
  };

export interface ChallengesParts {
  readonly store: Store;
  readonly clock: Clock;
  /** Undefined: nothing makes records known. */
  readonly dns: ChallengeDns | undefined;
}

const plainName = (name: string): string => name.toLowerCase().replace(/\.$/u, '');

export function createChallenges({ store, clock, dns }: ChallengesParts): Challenges {
  const valuesAt = createChallengeValues({ store, clock });
  return {
    domain: () => dns?.domain(),
    set: async ({ org, device: id, name: asked, type, value }) => {
      if (type !== 'TXT') throw invalid('Type: only TXT records can be set', 'Type');
      if (!VALUE.test(value)) {
        throw invalid('Value: must be the digest of an ACME challenge, 43 letters of base64url', 'Value');
      }
      const name = plainName(asked);
      const by = { kind: 'device', id: String(id), name: `device ${id}` } as const;
      await store.write({ orgs: [org], by, origin: 'control' }, async (tx) => {
        const device = await tx.get('device', org, id);
        if (device === undefined) throw notFound('device');
        const names = await requireNames(tx, device, dns?.domain());
        if (!names.all.has(name)) {
          throw new AppError('forbidden', `Name: this device may set ${[...names.all].join(' and ')} only`, {
            field: 'Name',
          });
        }
        const removed = await removeEnded(tx, device, name, names);
        const kept = await put(tx, device, name, value, name !== names.own);
        if (!removed && kept === 'present') return;
        tx.audit(org, {
          verb: 'update',
          objectKind: 'device',
          objectId: id,
          objectName: device.label,
          field: 'certificateChallenge',
          details: name,
        });
      });
      await dns?.publish(name, await valuesAt(name));
    },
  };
}

const living = ({ values }: Pick<CertChallenge, 'values'>, now: number) =>
  values.filter(({ expiresAt }) => expiresAt > now);

interface Names {
  readonly own: string;
  /** With those of the services that the device serves. */
  readonly all: ReadonlySet<string>;
}

/** The names at which a device may publish. */
async function requireNames(
  tx: Reader & Pick<Tx, 'now'>,
  device: Device,
  published: string | undefined,
): Promise<Names> {
  const { org } = device;
  if (!(await isInForce(tx, device, tx.now))) {
    throw new AppError('forbidden', 'this device is not part of the network now');
  }
  const organization = await tx.get('organization', INSTALLATION, org);
  if (organization === undefined) throw notFound('organization');
  const lack = await readCertificateLack(tx, organization, published);
  if (lack !== undefined) throw new AppError('forbidden', LACK_SENTENCES[lack]);
  const own = challengeName(deviceFqdn(organization, device.label));
  const hosts = await tx.find('serviceHost', org, { device: device.id, advertised: true });
  const served = hosts.filter(({ approval }) => approval !== 'not-approved').map(({ service }) => service);
  const services = served.length === 0 ? [] : await tx.find('service', org, { id: served });
  const others = services.map(({ name }) => challengeName(serviceFqdn(organization, name)));
  return { own, all: new Set([own, ...others.sort()]) };
}

/** Of what the device published before, that which has ended, and that at names which are its own no more. Says whether any was. */
async function removeEnded(tx: Tx, { org, id }: Device, name: string, { all }: Names): Promise<boolean> {
  let removed = false;
  for (const row of await tx.find('certChallenge', org, { device: id })) {
    if (row.name === name || (all.has(row.name) && living(row, tx.now).length > 0)) continue;
    await tx.remove('certChallenge', org, row.id);
    removed = true;
  }
  return removed;
}

/**
 * `shared`: the name is that of a service, whose hosts publish beside each other. `present`: the value is there for long enough,
 * and nothing was written.
 */
async function put(
  tx: Tx,
  { org, id }: Device,
  name: string,
  value: string,
  shared: boolean,
): Promise<'written' | 'present'> {
  const [found] = await tx.find('certChallenge', org, { name });
  // A device that had the name before has another one now, and its values end with that.
  const present = found !== undefined && (shared || found.device === id) ? found : undefined;
  const values = present === undefined ? [] : living(present, tx.now);
  const known = values.find((one) => one.value === value);
  if (known !== undefined && known.expiresAt > tx.now + LONG_ENOUGH_MS) return 'present';
  const setAt = (present?.setAt ?? []).filter((at) => at > tx.now - CHALLENGE_LIFETIME_MS);
  if (setAt.length >= MAX_SETS) {
    const minutes = CHALLENGE_LIFETIME_MS / MINUTE;
    throw new AppError('rate_limited', `more than ${MAX_SETS} certificate challenges in ${minutes} minutes`);
  }
  const others = values.filter((one) => one !== known);
  await tx.put('certChallenge', {
    org,
    id: found?.id ?? tx.newId(),
    device: id,
    name,
    values: [...others, { value, expiresAt: tx.now + CHALLENGE_LIFETIME_MS }].slice(-MAX_VALUES),
    setAt: [...setAt, tx.now],
  });
  return 'written';
}
