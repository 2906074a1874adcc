/** The code in the link of a device invite. It names its row, and proves with a secret that nobody can compute. */
import { sameDigest } from '../../kernel/hash.ts';

/** Computes the secret of an invite's link from a key of the installation, so that the link can be shown again. */
export interface ShareSecrets {
  /** 43 characters of [A-Za-z0-9_-]. */
  share(org: number, id: number): string;
}

export interface ShareAddress {
  readonly org: number;
  readonly id: number;
}

/** The path at which a person opens an invite; the code follows. */
export const SHARE_PATH = '/admin/invite/';

const RADIX = 36;
const CODE = /^([1-9a-z][0-9a-z]{0,10})-([1-9a-z][0-9a-z]{0,10})-([A-Za-z0-9_-]{43})$/u;
const MAX_TEXT = 2_000;

export const shareCode = (secrets: ShareSecrets, { org, id }: ShareAddress): string =>
  `${org.toString(RADIX)}-${id.toString(RADIX)}-${secrets.share(org, id)}`;

/** What a code, or a URL that ends in one, leads to; undefined for anything that was not given out here. */
export function readShareCode(secrets: ShareSecrets, text: string): ShareAddress | undefined {
  if (text.length > MAX_TEXT) return undefined;
  const code = text.trim().replace(/\/+$/u, '').split('/').at(-1) ?? '';
  const [, orgText = '', idText = '', secret = ''] = CODE.exec(code) ?? [];
  const [org, id] = [Number.parseInt(orgText, RADIX), Number.parseInt(idText, RADIX)];
  if (!Number.isSafeInteger(org) || !Number.isSafeInteger(id)) return undefined;
  return sameDigest(secret, secrets.share(org, id)) ? { org, id } : undefined;
}
