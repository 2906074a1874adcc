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

export const openSecrets = (
  sealer: Sealer,
  { org, id, privateKeySealed, presharedKeySealed }: ExtClient,
): ClientSecrets => ({
  privateKey: privateKeySealed === null ? undefined : sealer.open(privateKeySealed, privateKeyPlace(org, id)),
  presharedKey:
    presharedKeySealed === null ? undefined : sealer.open(presharedKeySealed, presharedKeyPlace(org, id)),
});
