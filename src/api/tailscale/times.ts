/** Times on this wire are whole seconds: expiry minus creation must be exactly the seconds that were asked for. */
const SECOND_MS = 1000;

const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;
const MINUTE_SECONDS = 60;
const TWO_DIGITS = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'));

const dayText = (day: number): string => new Date(day * DAY_SECONDS * SECOND_MS).toISOString().slice(0, 11);

/**
 * A writer of RFC 3339 times in UTC, cut to the second. It remembers the dates that it has written: a long list has few
 * of them and three times a line.
 */
export function timeWriter(): (ms: number) => string {
  const dates = new Map<number, string>();
  return (ms) => {
    const second = Math.floor(ms / SECOND_MS);
    const day = Math.floor(second / DAY_SECONDS);
    let date = dates.get(day);
    if (date === undefined) {
      date = dayText(day);
      dates.set(day, date);
    }
    const rest = second - day * DAY_SECONDS;
    const hour = Math.floor(rest / HOUR_SECONDS);
    const minute = Math.floor((rest % HOUR_SECONDS) / MINUTE_SECONDS);
    return `${date}${TWO_DIGITS[hour]}:${TWO_DIGITS[minute]}:${TWO_DIGITS[rest % MINUTE_SECONDS]}Z`;
  };
}

/** RFC 3339 in UTC, cut to the second. */
export const wireTime = (ms: number): string =>
  `${new Date(Math.floor(ms / SECOND_MS) * SECOND_MS).toISOString().slice(0, 19)}Z`;

/** What Go prints for a time that is not set. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})T(?!24)\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/u;

/** `Date` takes the 31st of a month that has 30 days for the first of the next one. */
function isDay(text: string): boolean {
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

/** Milliseconds since 1970, or undefined when the text is no RFC 3339 time. */
export function parseWireTime(text: string): number | undefined {
  const day = RFC_3339.exec(text)?.[1];
  if (day === undefined || !isDay(day)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
