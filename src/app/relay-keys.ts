/** What the relay is known by: its key among relays, and its own certificate where the server has none. Both are sealed. */
import { isIP } from 'node:net';
import { z } from 'zod';
import type { SealedPlace, Sealer } from '../auth/sealing.ts';
import { isUsable, makeCertificate, RELAY_NAME, type RelayCertificate } from '../control/derp/index.ts';
import { importPrivateKey, type NoisePrivateKey } from '../control/noise/index.ts';
import type { InstallationFacts } from '../domain/ports/installation-facts.ts';
import { INSTALLATION } from '../domain/ports/store.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Random } from '../kernel/random.ts';

const PRIVATE_KEY_FACT = 'relay-private-key';
const CERTIFICATE_FACT = 'relay-certificate';
const PRIVATE_KEY_BYTES = 32;
const storedCertificate = z.object({ certPem: z.string(), keyPem: z.string() });

const placeOf = (fact: string): SealedPlace => ({
  kind: 'installation',
  org: INSTALLATION,
  key: fact,
  column: 'value',
});

export interface RelayKeysParts {
  readonly facts: InstallationFacts;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
}

/** Made at the first call. All processes on one database have the same. */
export async function loadRelayKey({ facts, sealer, random }: RelayKeysParts): Promise<NoisePrivateKey> {
  const place = placeOf(PRIVATE_KEY_FACT);
  const fresh = (): string =>
    sealer.seal(Buffer.from(random.bytes(PRIVATE_KEY_BYTES)).toString('base64'), place);
  const sealed = (await facts.get(PRIVATE_KEY_FACT)) ?? (await facts.ensure(PRIVATE_KEY_FACT, fresh()));
  return importPrivateKey(Buffer.from(sealer.open(sealed, place), 'base64'));
}

/** The certificate for a host that devices look up, or for addresses; made anew when it does not fit any more. */
export async function loadRelayCertificate(
  { facts, sealer, clock, random }: RelayKeysParts,
  host: string | undefined,
): Promise<RelayCertificate> {
  const names = [RELAY_NAME, ...(host === undefined || isIP(host) !== 0 ? [] : [host])];
  const place = placeOf(CERTIFICATE_FACT);
  const opened = (sealed: string): RelayCertificate =>
    storedCertificate.parse(JSON.parse(sealer.open(sealed, place)));
  const sealed = await facts.get(CERTIFICATE_FACT);
  if (sealed !== undefined) {
    const kept = opened(sealed);
    if (isUsable(kept, names, clock.now())) return kept;
  }
  const made = makeCertificate({ names, clock, random });
  const text = sealer.seal(JSON.stringify(made), place);
  if (sealed === undefined) {
    // Processes that start at the same moment take the same.
    return opened(await facts.ensure(CERTIFICATE_FACT, text));
  }
  await facts.set(CERTIFICATE_FACT, text);
  return made;
}
