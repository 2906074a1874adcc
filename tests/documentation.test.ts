// What the documents name is there, and what is there is named.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { variableOf } from '../src/config/options.ts';
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

const leavesOf = (command: Command, names: readonly string[] = []): [name: string, leaf: Command][] =>
  command.commands.length === 0
    ? [[names.join(' '), command]]
    : command.commands.flatMap((child) => leavesOf(child, [...names, child.name()]));
const commands = leavesOf(testProgram());

test('README.md names every command', () => {
  const text = textOf('README.md');
  // `access approve` and `access reject` stand behind `holdfast access request`.
  const isNamed = (name: string): boolean =>
    text.includes(`\`holdfast ${name}`) || text.includes(`\`${name}\``);
  expect(commands.filter(([name]) => !isNamed(name)).map(([name]) => name)).toEqual([]);
});

describe('flags and variables', () => {
  const text = documents.map(textOf).join('\n');
  const flags = new Set(commands.flatMap(([, command]) => command.options.map(({ long }) => long ?? '')));
  /** Of the programs that stand beside this one in examples. */
  const FOREIGN = new Set([
    ...[
      '--accept-routes',
      '--advertise-connector',
      '--advertise-exit-node',
      '--auth-key',
      '--bg',
      '--exit-node',
    ],
    ...['--https', '--login-server', '--no-logs-no-support', '--service', '--verify-client-url'],
    ...['--devices', '--engine'],
  ]);

  test('that documents name are there', () => {
    const named = [...text.matchAll(/(?<![\w-])--[a-z][a-z-]+/gu)].map(([flag]) => flag);
    expect(named.length).toBeGreaterThan(50);
    const gone = named.filter((flag) => !flags.has(flag) && !FOREIGN.has(flag) && flag !== '--help');
    expect(gone).toEqual([]);
  });

  test('that are there are named by documents', () => {
    // Secrets are better given as variables, and switches that are on are better named by their opposite.
    const isNamed = (flag: string): boolean =>
      [flag, variableOf(flag.slice(2)), flag.replace('--', '--no-')].some((form) =>
        new RegExp(`(?<![\\w-])${form}(?![\\w-])`, 'u').test(text),
      );
    const shown = [...flags].filter((flag) => !flag.startsWith('--no-'));
    expect(shown.filter((flag) => !isNamed(flag))).toEqual([]);
  });

  test('variables that programs and tests read are named', () => {
    const sources = ['src', 'bin', 'tests', 'bench'].flatMap((folder) =>
      readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .map((name) => `${folder}/${name}`)
        .filter((name) => /\.m?[jt]s$/u.test(name)),
    );
    const read = new Set(
      sources.flatMap((source) =>
        [...textOf(source).matchAll(/(?:process\.env|environment)\.(HOLDFAST_[A-Z_]+)/gu)].map(
          ([, name = '']) => name,
        ),
      ),
    );
    expect(read.size).toBeGreaterThan(5);
    // How the launcher tells the program that it is gone: nobody sets it by hand.
    read.delete('HOLDFAST_PARENT_FD');
    expect([...read].filter((name) => !text.includes(name))).toEqual([]);
  });
});
