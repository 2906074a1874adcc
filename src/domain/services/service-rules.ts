/** What a service (an address that several devices may answer) can be. */
import { AppError, invalid } from '../../kernel/errors.ts';

export interface ServiceInput {
  /** With its prefix, `svc:`. */
  readonly name: string;
  readonly displayName: string;
  readonly addresses: readonly string[];
  readonly comment: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ports: readonly string[];
  readonly tags: readonly string[];
}

const NAME = /^svc:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;
const PORT = /^(?:tcp|udp):([0-9]{1,5})(?:-([0-9]{1,5}))?$/u;
/** For services whose ports are nobody's business but their host's. */
const ANY_PORT = 'do-not-validate';
const MAX_PORT = 65_535;
const MAX_PORTS = 100;
const MAX_TEXT = 1_000;
const MAX_ANNOTATIONS_LENGTH = 64 * 1024;

function isPort(text: string): boolean {
  if (text === ANY_PORT) return true;
  const [, first, last] = PORT.exec(text) ?? [];
  if (first === undefined) return false;
  const low = Number(first);
  const high = Number(last ?? first);
  return low >= 1 && low <= high && high <= MAX_PORT;
}

/** Errors: `invalid`, `too_large`. Addresses and tags are checked where they are known. */
export function checkService(input: ServiceInput): void {
  if (!NAME.test(input.name)) {
    throw invalid(`name "${input.name}" is not valid: use svc: and 1 to 63 of a-z, 0-9 and hyphen`, 'name');
  }
  if (input.ports.length === 0) {
    throw invalid(`ports are empty, use "${ANY_PORT}" to opt out of port validation`, 'ports');
  }
  if (input.ports.length > MAX_PORTS) {
    throw new AppError('too_large', `ports: at most ${MAX_PORTS} are allowed`, { field: 'ports' });
  }
  const wrong = input.ports.find((port) => !isPort(port));
  if (wrong !== undefined) throw invalid(`ports: "${wrong}" is not a port such as tcp:443`, 'ports');
  for (const field of ['displayName', 'comment'] as const) {
    if (input[field].length > MAX_TEXT) {
      throw new AppError('too_large', `${field}: at most ${MAX_TEXT} characters are allowed`, { field });
    }
  }
  if (JSON.stringify(input.annotations).length > MAX_ANNOTATIONS_LENGTH) {
    throw new AppError('too_large', 'annotations are too large', { field: 'annotations' });
  }
}
