/** The server's log: one JSON object a line on stderr, with secrets blanked wherever a known key holds one. */
import { destination, type Logger, pino } from 'pino';
import type { LogLevel } from '../config/values.ts';

/** Paths that may hold secrets when whole requests or errors are logged. */
const SECRET_PATHS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'apiKey',
  'authKey',
  'url',
].flatMap((key) => [`req.headers.${key}`, `headers.${key}`, `err.config.${key}`, `body.${key}`]);
const STDERR = 2;

export function createLog(level: LogLevel): Logger {
  return pino(
    {
      level,
      base: undefined,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: [...SECRET_PATHS, 'req.headers["x-api-key"]', 'headers["x-api-key"]'],
        censor: '[redacted]',
      },
    },
    // Synchronous: what was logged before a crash is there after it.
    destination({ dest: STDERR, sync: true }),
  );
}
