// Documentation shows secrets as examples; whoever copies one must not get away with it.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { commandLine } from '../support/command-line.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const documents = [
  path.join(ROOT, 'README.md'),
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join(ROOT, 'docs', name)),
];
const text = documents.map((file) => readFileSync(file, 'utf8')).join('\n');

/** Passwords in database URLs, and what the text calls a database password. */
const passwords = [
  ...[...text.matchAll(/postgres(?:ql)?:\/\/[^\s:@/]+:([^\s@]+)@/g)].map((match) => match[1] ?? ''),
  ...[...text.matchAll(/password\s+`([^`]+)`/g)].map((match) => match[1] ?? ''),
];

test('the documents were found, and show at least one password', () => {
  expect(documents.length).toBeGreaterThanOrEqual(3);
  expect(passwords.length).toBeGreaterThanOrEqual(1);
});

test('no server starts with a password that a document shows', async () => {
  for (const password of passwords) {
    const url = `postgres://holdfast:${encodeURIComponent(password)}@127.0.0.1:1/holdfast`;
    const refused = await commandLine('audit', 'verify', '--database-url', url);
    expect([password, refused.code]).toEqual([password, 2]);
    expect(refused.err).toContain('example');
  }
});
