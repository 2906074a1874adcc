/** Certificates for the names of devices: the domain that those are in, and what answers the public DNS for it. */
import type { Logger } from 'pino';
import type { ServeConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { type AcmeDnsServer, startAcmeDns } from '../control/acme-dns/server.ts';
import { answerOf, type Zone } from '../control/acme-dns/zone.ts';
import {
  type Challenges,
  createChallenges,
  createChallengeValues,
} from '../domain/certificates/challenge-service.ts';
import { moveDnsBase, readDnsBase } from '../domain/organizations/dns-base.ts';
import { PRIVATE_DNS_BASE } from '../domain/organizations/names.ts';
import type { ChallengeDns } from '../domain/ports/challenge-dns.ts';
import type { Store } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
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
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

const BY = { kind: 'system', id: '', name: 'holdfast serve --magic-dns-domain' } as const;

/** Gives the installation its domain first. Throws `ConfigError` when that cannot be answered for. */
export async function createAcmeDns({ config, store, clock, log }: AcmeDnsParts): Promise<AcmeDns> {
  const { magicDnsDomain, acmeDns } = config;
  if (magicDnsDomain !== undefined) {
    const moved = await moveDnsBase(store, magicDnsDomain, BY);
    if (moved > 0) log.warn({ domain: magicDnsDomain, organizations: moved }, 'devices have new names');
  }
  const domain = await readDnsBase(store);
  const valuesAt = createChallengeValues({ store, clock });
  if (acmeDns === undefined) {
    return {
      challenges: createChallenges({ store, clock, dns: undefined }),
      start: async () => undefined,
      port: () => undefined,
      close: async () => undefined,
    };
  }
  requirePublic(domain, acmeDns.names);
  const zone: Zone = { domain, nameServers: acmeDns.names, valuesAt };
  let server: AcmeDnsServer | undefined;
  const onError = (error: unknown): void => log.warn({ err: error }, 'the DNS responder failed');
  return {
    challenges: createChallenges({ store, clock, dns: answeredBy(zone) }),
    start: async () => {
      const { listen } = acmeDns;
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

function requirePublic(domain: string, names: readonly string[]): void {
  if (domain === PRIVATE_DNS_BASE) {
    throw new ConfigError(
      '--acme-dns-listen needs a domain that is delegated to it: give --magic-dns-domain, such as net.example.com',
    );
  }
  const inside = names.find((name) => name === domain || name.endsWith(`.${domain}`));
  if (inside !== undefined) {
    throw new ConfigError(
      `the name server ${inside} cannot have its name in ${domain}, for which it answers: give --acme-dns-name`,
    );
  }
}

/** What is written is there for every responder, as each reads it anew; this asks as the public does all the same. */
const answeredBy = (zone: Zone): ChallengeDns => ({
  domain: zone.domain,
  publish: async (name, values) => {
    const { answers } = await answerOf(zone, { name, type: 'TXT', class: 'IN' });
    const answered = new Set(answers.map(({ data }) => data));
    if (values.some((value) => !answered.has(value))) {
      throw new AppError('unavailable', 'the DNS does not have the record yet; try again');
    }
  },
});
