/** Go's duration texts (`1h30m`, `-1m`, `1.5s`), which the language uses for checkPeriod. In nanoseconds, as Go has them. */

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['µs', 1_000n],
  ['μs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);
const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;

/** What Go can hold. */
const MAX = 2n ** 63n;
const MAX_DIGITS = 19;

/** Nanoseconds, or Go's words for what is wrong with the text. */
export function parseDuration(text: string): bigint | string {
  const invalid = `time: invalid duration ${quote(text)}`;
  const negative = text.startsWith('-');
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0n;
  if (body === '') return invalid;
  const part = /([0-9]*)(\.?)([0-9]*)([^0-9.]*)/y;
  let total = 0n;
  while (part.lastIndex < body.length) {
    const [, whole = '', , fraction = '', unit = ''] = part.exec(body) ?? [];
    if (whole === '' && fraction === '') return invalid;
    if (unit === '') return `time: missing unit in duration ${quote(text)}`;
    const size = UNITS.get(unit);
    if (size === undefined) return `time: unknown unit ${quote(unit)} in duration ${quote(text)}`;
    const digits = whole.replace(/^0+/, '');
    if (digits.length > MAX_DIGITS) return invalid;
    const places = fraction.slice(0, MAX_DIGITS);
    total += BigInt(digits || 0) * size + (BigInt(places || 0) * size) / 10n ** BigInt(places.length);
    if (total > MAX) return invalid;
  }
  if (!negative && total === MAX) return invalid;
  return negative ? -total : total;
}

/** The text that Go prints: hours, minutes and seconds, all smaller units present; below a second the largest that fits. */
export function formatDuration(duration: bigint): string {
  if (duration === 0n) return '0s';
  const sign = duration < 0n ? '-' : '';
  const all = duration < 0n ? -duration : duration;
  if (all < SECOND) {
    const [size, unit] = all < 1_000n ? [1n, 'ns'] : all < 1_000_000n ? [1_000n, 'µs'] : [1_000_000n, 'ms'];
    return `${sign}${decimal(all, size)}${unit}`;
  }
  const seconds = `${decimal(all % MINUTE, SECOND)}s`;
  if (all < MINUTE) return sign + seconds;
  const minutes = `${(all % HOUR) / MINUTE}m${seconds}`;
  return sign + (all < HOUR ? minutes : `${all / HOUR}h${minutes}`);
}

/** How many units of a size, with as many places as it takes. */
function decimal(value: bigint, size: bigint): string {
  const places = String(size).length - 1;
  const fraction = String(value % size)
    .padStart(places, '0')
    .replace(/0+$/, '');
  return `${value / size}${places === 0 || fraction === '' ? '' : `.${fraction}`}`;
}

/** Go spells whatever is not printable ASCII by its bytes. */
function quote(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text)) {
    const char = String.fromCharCode(byte);
    if (byte < 0x20 || byte >= 0x80) out += `\\x${byte.toString(16).padStart(2, '0')}`;
    else out += char === '"' || char === '\\' ? `\\${char}` : char;
  }
  return `"${out}"`;
}
