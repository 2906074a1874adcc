/** Secrets that stand in documentation, ours and others': whoever keeps one has a password that everybody knows. */
import { ConfigError } from './config-error.ts';

const EXAMPLES: ReadonlySet<string> = new Set([
  'change-me',
  'changeme',
  'change_me',
  'correct horse battery staple',
  'example',
  'holdfast',
  'password',
  'postgres',
  'secret',
  'your-password',
  'yourpassword',
  // The sealing key of docs/operations.md: 32 bytes, 0 to 31.
  'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
]);

/** Throws when `secret` is a documented example; `what` says which secret it is, never the secret itself. */
export function assertNoExampleSecret(what: string, secret: string): void {
  if (EXAMPLES.has(secret.trim())) {
    throw new ConfigError(`${what} is an example from the documentation: choose one that nobody else knows`);
  }
}
