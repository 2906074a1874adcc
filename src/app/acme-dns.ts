/** Certificates for the names of devices: the domain that those are in, and how the public DNS gets what they publish. */
import type { Logger } from 'pino';
import type { AcmeDnsConfig, ServeConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { type AcmeDnsServer, startAcmeDns } from '../control/acme-dns/server.ts';
import { answerOf, type Zone } from '../control/acme-dns/zone.ts';
import {
  CHALLENGE_LIFETIME_MS,
  type Challenges,
  type ChallengeValues,
  createChallenges,
  createChallengeValues,
} from '../domain/certificates/challenge-service.ts';
import { type DnsBase, followDnsBase, moveDnsBase } from '../domain/organizations/dns-base.ts';
import { PRIVATE_DNS_BASE } from '../domain/organizations/names.ts';
import type { ChallengeDns } from '../domain/ports/challenge-dns.ts';
import type { Follower } from '../domain/ports/follower.ts';
import type { Store } from '../domain/ports/store.ts';
import { createDnsUpdates } from '../jobs/outgoing/dns-update.ts';
import { takingBack } from '../jobs/outgoing/ended-records.ts';
import { type Clock, SECOND } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { describeListenFailure } from './listen-failure.ts';

export interface AcmeDns {
  readonly challenges: Challenges;
  /** Opens the listeners; rejects with a sentence that says what to do. */
  start(): Promise<void>;
  /** Where it answers; undefined when it does not. */
  port(): number | undefined;
  close(): Promise<void>;
}

export interface AcmeDnsParts {
  readonly config: Pick<ServeConfig, 'magicDnsDomain' | 'acmeDns'>;
  readonly store: Store;
  readonly follower: Follower;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** A way into the public DNS. */
interface Publishing extends Omit<AcmeDns, 'challenges'> {
  readonly dns: ChallengeDns | undefined;
}

type Answered = Extract<AcmeDnsConfig, { kind: 'answered' }>;
type Updated = Extract<AcmeDnsConfig, { kind: 'updated' }>;

const BY = { kind: 'system', id: '', name: 'holdfast serve --magic-dns-domain' } as const;
const NOTHING: Publishing = {
  dns: undefined,
  start: async () => undefined,
  port: () => undefined,
  close: async () => undefined,
};

/**
 * Gives the installation its domain first. Throws `ConfigError` when that cannot be answered for. When the installation gets
 * another one through another process, that holds from then on.
 */
export async function createAcmeDns(parts: AcmeDnsParts): Promise<AcmeDns> {
  const { config, store, follower, clock, log } = parts;
  const { magicDnsDomain, acmeDns } = config;
  if (magicDnsDomain !== undefined) {
    const moved = await moveDnsBase(store, magicDnsDomain, BY);
    if (moved > 0) log.warn({ domain: magicDnsDomain, organizations: moved }, 'devices have new names');
  }
  const base = await followDnsBase({
    store,
    follower,
    onMoved: (domain) => {
      const problem = problemOf(acmeDns, domain);
      if (problem === undefined) log.info({ domain }, 'the installation has another domain');
      else log.warn({ domain }, `nothing is published for the new domain: ${problem}`);
    },
    onError: (error) => log.warn({ err: error }, 'the domain of the installation could not be read'),
  });
  const problem = problemOf(acmeDns, base.now());
  if (problem !== undefined) {
    base.stop();
    throw new ConfigError(problem);
  }
  const valuesAt = createChallengeValues({ store, clock });
  const { dns, close, ...rest } = publishingOf(acmeDns, base, valuesAt, parts);
  return {
    challenges: createChallenges({ store, clock, dns }),
    ...rest,
    close: async () => {
      base.stop();
      await close();
    },
  };
}

/** Why nothing can be published for a domain in that way. */
function problemOf(how: AcmeDnsConfig | undefined, domain: string): string | undefined {
  if (how === undefined) return undefined;
  if (domain === PRIVATE_DNS_BASE) {
    return 'certificates for device names need a domain of the public DNS: give --magic-dns-domain, such as net.example.com';
  }
  switch (how.kind) {
    case 'answered': {
      const inside = how.names.find((name) => isIn(name, domain));
      return inside === undefined
        ? undefined
        : `the name server ${inside} cannot have its name in ${domain}, for which it answers: give --acme-dns-name`;
    }
    case 'updated':
      return how.zone === undefined || isIn(domain, how.zone)
        ? undefined
        : `--acme-dns-update-zone must be ${domain} or a zone above it, not ${how.zone}`;
  }
}

const isIn = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`);

function publishingOf(
  how: AcmeDnsConfig | undefined,
  base: DnsBase,
  valuesAt: ChallengeValues,
  parts: AcmeDnsParts,
): Publishing {
  switch (how?.kind) {
    case undefined:
      return NOTHING;
    case 'answered':
      return answered(how, base, valuesAt, parts);
    case 'updated':
      return updated(how, base, valuesAt, parts);
  }
}

/** The domain, where it can be published for in that way. */
const publishedIn = (how: AcmeDnsConfig, base: DnsBase): string | undefined =>
  problemOf(how, base.now()) === undefined ? base.now() : undefined;

function answered(
  how: Answered,
  base: DnsBase,
  valuesAt: ChallengeValues,
  { clock, log }: AcmeDnsParts,
): Publishing {
  const zone: Zone = {
    get domain() {
      return base.now();
    },
    nameServers: how.names,
    valuesAt,
  };
  const onError = (error: unknown): void => log.warn({ err: error }, 'the DNS responder failed');
  let server: AcmeDnsServer | undefined;
  return {
    dns: answeredBy(zone, () => publishedIn(how, base)),
    start: async () => {
      if (how.listen === undefined) return;
      try {
        server = await startAcmeDns(how.listen, { zone, clock, onError });
      } catch (error) {
        throw describeListenFailure('--acme-dns-listen', how.listen, error);
      }
      log.info({ port: server.port, domain: zone.domain }, 'answering the DNS');
    },
    port: () => server?.port,
    close: async () => server?.close(),
  };
}

/** What is written is there for every responder, as each reads it anew; this asks as the public does all the same. */
const answeredBy = (zone: Zone, domain: ChallengeDns['domain']): ChallengeDns => ({
  domain,
  publish: async (name, values) => {
    const { answers } = await answerOf(zone, { name, type: 'TXT', class: 'IN' });
    const found = new Set(answers.map(({ data }) => data));
    if (values.some((value) => !found.has(value))) {
      throw new AppError('unavailable', 'the DNS does not have the record yet; try again');
    }
  },
});

function updated(
  how: Updated,
  base: DnsBase,
  valuesAt: ChallengeValues,
  { clock, random, log }: AcmeDnsParts,
): Publishing {
  const { server, key, zone } = how;
  // What was written for a domain is taken back from its zone, also when the installation has another by then.
  const zoneOf = (name: string): string =>
    zone ?? base.known().find((domain) => isIn(name, domain)) ?? base.now();
  const dns = takingBack({
    dns: createDnsUpdates({ server, domain: () => publishedIn(how, base), zoneOf, key, clock, random }),
    valuesAt,
    lifetimeMs: CHALLENGE_LIFETIME_MS + SECOND,
    onError: (error, name) =>
      log.warn({ err: error, name }, 'a record for a certificate could not be taken back'),
  });
  return { ...NOTHING, dns, close: async () => dns.close() };
}
