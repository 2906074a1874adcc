/** The keys of the server. They outlive restarts, and all processes on one database have the same. */
import { createSealer, SealError, type SealedPlace, type Sealer } from '../auth/sealing.ts';
import type { InstallationConfig } from '../config/config.ts';
import type { InstallationFacts } from '../domain/ports/installation-facts.ts';
import { INSTALLATION } from '../domain/ports/store.ts';
import { AppError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';
import { ensureSealingKey } from './sealing-key.ts';

export const NOISE_KEY_FACT = 'noise-private-key';
const NOISE_KEY_BYTES = 32;
export const NOISE_KEY_PLACE: SealedPlace = {
  kind: 'installation',
  org: INSTALLATION,
  key: NOISE_KEY_FACT,
  column: 'value',
};

export interface ServerKeys {
  /** Curve25519, 32 bytes: what devices know the server by. */
  readonly noisePrivateKey: Uint8Array;
  /** 32 bytes. */
  readonly sealingKey: Uint8Array;
  readonly sealer: Sealer;
}

export interface ServerKeysParts {
  readonly config: InstallationConfig;
  readonly facts: InstallationFacts;
  readonly random: Random;
}

/** Makes what does not exist yet. Throws `ConfigError`, or `conflict` when the sealing key is not the installation's. */
export async function loadServerKeys({ config, facts, random }: ServerKeysParts): Promise<ServerKeys> {
  const { key: sealingKey } = await ensureSealingKey(config, facts, random);
  const sealer = createSealer({ key: sealingKey, random });
  // Any 32 random bytes are a Curve25519 private key.
  const fresh = (): string =>
    sealer.seal(Buffer.from(random.bytes(NOISE_KEY_BYTES)).toString('base64'), NOISE_KEY_PLACE);
  const sealed = (await facts.get(NOISE_KEY_FACT)) ?? (await facts.ensure(NOISE_KEY_FACT, fresh()));
  try {
    const noisePrivateKey = Buffer.from(sealer.open(sealed, NOISE_KEY_PLACE), 'base64');
    return { noisePrivateKey, sealingKey, sealer };
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    throw new AppError(
      'conflict',
      `this installation's secrets are ${error.message}: put the sealing key it was made with back, or restore a backup`,
      { cause: error },
    );
  }
}
