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
import { moveDnsBase, readDnsBase } from '../domain/organizations/dns-base.ts';
import { PRIVATE_DNS_BASE } from '../domain/organizations/names.ts';
import type { ChallengeDns } from '../domain/ports/challenge-dns.ts';
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

/** Gives the installation its domain first. Throws `ConfigError` when that cannot be answered for. */
export async function createAcmeDns(parts: AcmeDnsParts): Promise<AcmeDns> {
  const { config, store, clock, log } = parts;
  const { magicDnsDomain, acmeDns } = config;
  if (magicDnsDomain !== undefined) {
    const moved = await moveDnsBase(store, magicDnsDomain, BY);
    if (moved > 0) log.warn({ domain: magicDnsDomain, organizations: moved }, 'devices have new names');
  }
  const domain = await readDnsBase(store);
  if (acmeDns !== undefined && domain === PRIVATE_DNS_BASE) {
    throw new ConfigError(
      'certificates for device names need a domain of the public DNS: give --magic-dns-domain, such as net.example.com',
    );
  }
  const valuesAt = createChallengeValues({ store, clock });
  const { dns, ...rest } = publishingOf(acmeDns);
  return { challenges: createChallenges({ store, clock, dns }), ...rest };

  function publishingOf(how: AcmeDnsConfig | undefined): Publishing {
    switch (how?.kind) {
      case undefined:
        return NOTHING;
      case 'answered':
        return answered(how, domain, valuesAt, parts);
      case 'updated':
        return updated(how, domain, valuesAt, parts);
    }
  }
}

function answered(
  { listen, names }: Answered,
  domain: string,
  valuesAt: ChallengeValues,
  { clock, log }: AcmeDnsParts,
): Publishing {
  const inside = names.find((name) => name === domain || name.endsWith(`.${domain}`));
  if (inside !== undefined) {
    throw new ConfigError(
      `the name server ${inside} cannot have its name in ${domain}, for which it answers: give --acme-dns-name`,
    );
  }
  const zone: Zone = { domain, nameServers: names, valuesAt };
  const onError = (error: unknown): void => log.warn({ err: error }, 'the DNS responder failed');
  let server: AcmeDnsServer | undefined;
  return {
    dns: answeredBy(zone),
    start: async () => {
      if (listen === undefined) return;
      try {
        server = await startAcmeDns(listen, { zone, clock, onError });
      } catch (error) {
        throw describeListenFailure('--acme-dns-listen', listen, error);
      }
      log.info({ port: server.port, domain }, 'answering the DNS');
    },
    port: () => server?.port,
    close: async () => server?.close(),
  };
}

/** What is written is there for every responder, as each reads it anew; this asks as the public does all the same. */
const answeredBy = (zone: Zone): ChallengeDns => ({
  domain: zone.domain,
  publish: async (name, values) => {
    const { answers } = await answerOf(zone, { name, type: 'TXT', class: 'IN' });
    const found = new Set(answers.map(({ data }) => data));
    if (values.some((value) => !found.has(value))) {
      throw new AppError('unavailable', 'the DNS does not have the record yet; try again');
    }
  },
});

function updated(
  { server, key, zone }: Updated,
  domain: string,
  valuesAt: ChallengeValues,
  { clock, random, log }: AcmeDnsParts,
): Publishing {
  if (zone !== undefined && zone !== domain && !domain.endsWith(`.${zone}`)) {
    throw new ConfigError(`--acme-dns-update-zone must be ${domain} or a zone above it, not ${zone}`);
  }
  const dns = takingBack({
    dns: createDnsUpdates({ server, domain, zone: zone ?? domain, key, clock, random }),
    valuesAt,
    lifetimeMs: CHALLENGE_LIFETIME_MS + SECOND,
    onError: (error, name) =>
      log.warn({ err: error, name }, 'a record for a certificate could not be taken back'),
  });
  return { ...NOTHING, dns, close: async () => dns.close() };
}
