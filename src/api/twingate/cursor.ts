/** Cursors are opaque to clients. One that we did not make means the start: clients begin with `"0"` or `"<nil>"`. */
const PREFIX = 'cursor:';

export const encodeCursor = (id: number): string => Buffer.from(`${PREFIX}${id}`).toString('base64');

export function decodeCursor(text: unknown): number | undefined {
  if (typeof text !== 'string' || text.length > 64) return undefined;
  const decoded = Buffer.from(text, 'base64').toString('latin1');
  if (!decoded.startsWith(PREFIX)) return undefined;
  const digits = decoded.slice(PREFIX.length);
  if (!/^[0-9]{1,16}$/u.test(digits)) return undefined;
  const id = Number(digits);
  return Number.isSafeInteger(id) ? id : undefined;
}
