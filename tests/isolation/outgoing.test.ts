// What leaves this server: each place that can ask somebody else is known, and those that ask whom others name are guarded.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const SOURCES = join(import.meta.dirname, '../../src');

/** Whatever opens a connection to somewhere else. */
const ASKS = [
  /(?<![\w.])fetch\((?!\{)/u,
  /\b(?:http|https|client)\.request\(/u,
  /\(secure \? https : http\)\.request\(/u,
  /\bcreateTransport\(/u,
  /\b(?:net|tls|http2)\.connect\(/u,
  /\bfrom 'undici'/u,
];

const KNOWN = {
  // Webhooks, log streams, AWS and Google: kernel/public-addresses holds the target, unless the operator allows all.
  'jobs/outgoing/exchange.ts': 'guarded',
  // Identity providers, and issuers of workloads' tokens.
  'auth/sso/guarded-fetch.ts': 'guarded',
  // Is handed the guarded one.
  'auth/sso/provider.ts': 'handed',
  // To the operator's own mail server, and from a gateway to the server that it was started for.
  'jobs/mail/smtp.ts': 'operator',
  'gateway-agent/server-link.ts': 'operator',
} as const;

const filesOf = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
  );

test('nothing asks anybody but the places that are known, and those are guarded', () => {
  const asking = filesOf(SOURCES).filter((name) => {
    const code = readFileSync(join(SOURCES, name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gmu, '');
    return ASKS.some((pattern) => pattern.test(code));
  });
  expect(asking.toSorted()).toEqual(Object.keys(KNOWN).toSorted());
  for (const [name, how] of Object.entries(KNOWN)) {
    if (how !== 'guarded') continue;
    const code = readFileSync(join(SOURCES, name), 'utf8');
    expect(code).toContain('requirePublicLiteral(');
    expect(code).toContain('lookup: publicLookup');
  }
});
