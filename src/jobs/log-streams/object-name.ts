/** The name of the object that a batch becomes in a bucket. */
import type { LogBatch } from './destination.ts';

const NUMBER_DIGITS = 12;

/**
 * By the time and number of its first entry: a batch that is sent again replaces what it was, even if there is more in it.
 * Names sort as their entries do.
 */
export function objectName({ target, entries }: LogBatch, prefix: string, suffix: string): string {
  const [first] = entries;
  const [date = '', time = ''] = new Date(first?.at ?? 0).toISOString().slice(0, 19).split('T');
  const number = String(first?.seq ?? 0).padStart(NUMBER_DIGITS, '0');
  return `${prefix}${target.logType}/${date.replaceAll('-', '/')}/${time.replaceAll(':', '-')}-${number}.json${suffix}`;
}

/** As a part of a URL: each piece between slashes escaped as the signature asks (RFC 3986). */
export const escapedPath = (name: string): string =>
  name
    .split('/')
    .map((piece) =>
      encodeURIComponent(piece).replace(
        /[!'()*]/gu,
        (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
      ),
    )
    .join('/');
