/** Times on this wire are whole seconds: expiry minus creation must be exactly the seconds that were asked for. */
const SECOND_MS = 1000;

/** RFC 3339 in UTC, cut to the second. */
export const wireTime = (ms: number): string => {
  const text = new Date(Math.floor(ms / SECOND_MS) * SECOND_MS).toISOString();
  return `${text.slice(0, 19)}Z`;
};

/** What Go prints for a time that is not set. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/u;

/** Milliseconds since 1970, or undefined when the text is no RFC 3339 time. */
export function parseWireTime(text: string): number | undefined {
  if (!RFC_3339.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
