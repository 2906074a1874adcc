/** Looks at an installation the way an operator would, and says what to do about what is wrong. Changes nothing. */
import { statfsSync, statSync } from 'node:fs';
import { createSealer } from '../auth/sealing.ts';
import type { ServeConfig } from '../config/config.ts';
import { INSTALLATION } from '../domain/ports/store.ts';
import { type Clock, DAY } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';
import { createInstallationFacts } from '../store/installation-facts.ts';
import { SCHEMA_VERSION } from '../store/migrator.ts';
import { lookAtClaimedNames } from './claimed-names.ts';
import { lookAtCredentials } from './credential-expiry.ts';
import { databaseHealth } from './database-health.ts';
import { lookAtDeviceCertificates } from './device-certificates.ts';
import type { Finding } from './finding.ts';
import { type Installation, openInstallation } from './installation.ts';
import { findSealingKey } from './sealing-key.ts';
import { NOISE_KEY_FACT, NOISE_KEY_PLACE } from './server-keys.ts';
import { certificateExpiry, createTlsFiles } from './tls.ts';

export interface DoctorParts {
  readonly config: ServeConfig;
  readonly clock: Clock;
  readonly random: Random;
}

const MIN_FREE_BYTES = 1024 ** 3;
const RENEW_CERTIFICATE_MS = 14 * DAY;
const FOR_OTHERS = 0o077;
const MEBIBYTE = 1024 ** 2;

const ok = (check: string, says: string): Finding => ({ check, state: 'ok', says });
const warning = (check: string, says: string): Finding => ({ check, state: 'warning', says });
const failure = (check: string, says: string): Finding => ({ check, state: 'failure', says });
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function lookAtDirectory(directory: string): Finding[] {
  const check = 'data directory';
  const findings: Finding[] = [];
  if ((statSync(directory).mode & FOR_OTHERS) === 0) findings.push(ok(check, `${directory} is private`));
  else findings.push(warning(check, `${directory} is open to other users: run "chmod 700 ${directory}"`));
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  const amount = `${Math.floor(free / MEBIBYTE)} MiB free`;
  findings.push(
    free < MIN_FREE_BYTES
      ? warning('disk', `${amount}: make room before the disk is full`)
      : ok('disk', amount),
  );
  return findings;
}

async function lookAtKeys(parts: DoctorParts, installation: Installation): Promise<Finding> {
  const check = 'server keys';
  const facts = createInstallationFacts(installation.engine);
  const found = await findSealingKey(parts.config, facts);
  const sealed = await facts.get(NOISE_KEY_FACT);
  if (sealed === undefined) return ok(check, 'not made yet; the server makes them when it starts');
  if (found === undefined) {
    return failure(check, 'the sealing key is missing: put its file back, or restore a backup');
  }
  createSealer({ key: found.key, random: parts.random }).open(sealed, NOISE_KEY_PLACE);
  return ok(
    check,
    found.external ? 'sealed with the key that you keep' : 'sealed with the installation’s own key',
  );
}

function lookAtCertificate({ config, clock }: DoctorParts): Finding {
  const check = 'certificate';
  if (config.tls === undefined) return ok(check, 'none is used');
  const expires = certificateExpiry(createTlsFiles(config.tls, clock).read());
  const day = new Date(expires).toISOString().slice(0, 10);
  return expires - clock.now() < RENEW_CERTIFICATE_MS
    ? warning(check, `it expires on ${day}: renew it and send the server SIGHUP`)
    : ok(check, `valid until ${day}`);
}

function lookAtAddress({ listen, publicUrl }: ServeConfig): Finding {
  const check = 'public URL';
  if (publicUrl !== undefined) return ok(check, publicUrl);
  const local = listen.host === 'localhost' || listen.host === '::1' || listen.host.startsWith('127.');
  return local
    ? ok(check, 'not set; the server listens on this machine only')
    : warning(check, 'not set: give --public-url, so that invitations and sign-in pages lead here');
}

async function lookAtContent(installation: Installation): Promise<Finding> {
  const count = await installation.store.count('organization', INSTALLATION);
  return count === 0
    ? warning(
        'organizations',
        'none yet: open the first-run link of "holdfast serve", or run "holdfast init"',
      )
    : ok('organizations', String(count));
}

/** Never throws: what cannot be looked at is a finding. */
export async function examine(parts: DoctorParts): Promise<Finding[]> {
  const { config, clock } = parts;
  const findings: Finding[] = [ok('node', process.versions.node)];
  const look = async (check: string, work: () => Promise<Finding | Finding[]> | Finding | Finding[]) => {
    try {
      findings.push(...[await work()].flat());
    } catch (error) {
      findings.push(failure(check, messageOf(error)));
    }
  };
  await look('certificate', () => lookAtCertificate(parts));
  await look('public URL', () => lookAtAddress(config));
  let installation: Installation;
  try {
    installation = await openInstallation({ config, clock, mode: 'existing' });
  } catch (error) {
    return [...findings, failure('database', messageOf(error))];
  }
  try {
    const { database } = config;
    findings.push(ok('database', `${installation.engine.name}, version ${SCHEMA_VERSION}`));
    if (database.kind === 'sqlite') await look('data directory', () => lookAtDirectory(database.directory));
    await look('database', () => databaseHealth(installation.engine));
    await look('server keys', () => lookAtKeys(parts, installation));
    await look('organizations', () => lookAtContent(installation));
    const { store } = installation;
    await look('device names', () => lookAtDeviceCertificates({ config, store }));
    await look('names of networks', () => lookAtClaimedNames(store));
    await look('credentials', () => lookAtCredentials(installation.store, clock));
  } finally {
    await installation.close();
  }
  return findings;
}
