/** Says in one sentence why a listener could not be opened. */
import { formatHostPort, type HostPort } from '../config/values.ts';
import { AppError } from '../kernel/errors.ts';

export function describeListenFailure(flag: string, where: HostPort, error: unknown): AppError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const place = formatHostPort(where);
  const sentence = ((): string => {
    switch (code) {
      case 'EADDRINUSE':
        return `${place} is in use by another program: stop it, or choose another port with ${flag}`;
      case 'EACCES':
        return `this user may not listen on ${place}: choose a port above 1023 with ${flag}`;
      case 'EADDRNOTAVAIL':
      case 'ENOTFOUND':
        return `${where.host} is not an address of this machine: correct ${flag}`;
      default:
        return `cannot listen on ${place} (${error instanceof Error ? error.message : String(error)}): correct ${flag}`;
    }
  })();
  return new AppError('unavailable', sentence, { cause: error });
}
