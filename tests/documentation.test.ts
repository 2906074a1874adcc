// What the documents name is there, and what is there is named.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { testProgram } from './support/command-line.ts';

const ROOT = path.dirname(import.meta.dirname);
const textOf = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
const foldersIn = (folder: string): string[] =>
  readdirSync(path.join(ROOT, folder)).filter((name) =>
    statSync(path.join(ROOT, folder, name)).isDirectory(),
  );
const documents = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(path.join(ROOT, 'docs')).map((name) => `docs/${name}`),
];

/** Each link of a document to another file, as the path that it means. */
const links = documents.flatMap((document) =>
  [...textOf(document).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/gu)].map(([, target = '']) => ({
    document,
    target: path.join(path.dirname(document), target),
  })),
);

test('links of documents lead to files that exist', () => {
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter(({ target }) => !existsSync(path.join(ROOT, target)))).toEqual([]);
});

describe('docs/architecture.md', () => {
  const text = textOf('docs/architecture.md');
  const rooms = foldersIn('src');

  test('names every room', () => {
    expect(rooms.filter((room) => !text.includes(`\`src/${room}`))).toEqual([]);
  });

  // Of these each folder is a dialect, or told by its room's line.
  const TOLD = new Set(['api', 'kernel']);

  test.each(rooms.filter((room) => !TOLD.has(room)))('says what is in each folder of src/%s', (room) => {
    const missing = foldersIn(`src/${room}`).filter((folder) => !text.includes(`\`${room}/${folder}\``));
    expect(missing).toEqual([]);
  });

  test('names no folder that is not there', () => {
    const named = [...text.matchAll(/`((?:domain|policy|control|auth|jobs|store)\/[a-z0-9-]+)`/gu)];
    expect(named.length).toBeGreaterThan(30);
    const gone = named.map(([, folder = '']) => `src/${folder}`);
    expect(
      gone.filter(
        (place) => !existsSync(path.join(ROOT, place)) && !existsSync(path.join(ROOT, `${place}.ts`)),
      ),
    ).toEqual([]);
  });
});

test('README.md names every command', () => {
  const leavesOf = (command: Command, names: readonly string[] = []): string[] =>
    command.commands.length === 0
      ? [names.join(' ')]
      : command.commands.flatMap((child) => leavesOf(child, [...names, child.name()]));
  const text = textOf('README.md');
  // `access approve` and `access reject` stand behind `holdfast access request`.
  const isNamed = (name: string): boolean =>
    text.includes(`\`holdfast ${name}`) || text.includes(`\`${name}\``);
  expect(leavesOf(testProgram()).filter((name) => !isNamed(name))).toEqual([]);
});
