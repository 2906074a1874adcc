/** Where the sealed secrets of an external client stand. */
import type { ExtClient } from '../model/networks.ts';
import type { SealedPlace, Sealer } from '../ports/sealer.ts';

export const privateKeyPlace = (org: number, id: number): SealedPlace => ({
  kind: 'extClient',
  org,
  key: id,
  column: 'privateKeySealed',
});

export const presharedKeyPlace = (org: number, id: number): SealedPlace => ({
  kind: 'extClient',
  org,
  key: id,
  column: 'presharedKeySealed',
});

export interface ClientSecrets {
  /** Undefined where its owner keeps it. */
  readonly privateKey: string | undefined;
  readonly presharedKey: string | undefined;
}

/** Undefined where there is none. */
export const openPresharedKey = (
  sealer: Sealer,
  { org, id, presharedKeySealed }: Pick<ExtClient, 'org' | 'id' | 'presharedKeySealed'>,
): string | undefined =>
  presharedKeySealed === null ? undefined : sealer.open(presharedKeySealed, presharedKeyPlace(org, id));

export const openSecrets = (sealer: Sealer, client: ExtClient): ClientSecrets => ({
  privateKey:
    client.privateKeySealed === null
      ? undefined
      : sealer.open(client.privateKeySealed, privateKeyPlace(client.org, client.id)),
  presharedKey: openPresharedKey(sealer, client),
});
