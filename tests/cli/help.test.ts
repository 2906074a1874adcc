// Help: what somebody reads who has never called a command before.
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { commandLine, testProgram } from '../support/command-line.ts';

const leavesOf = (command: Command, path: readonly string[] = []): [string, Command][] =>
  command.commands.length === 0
    ? [[path.join(' '), command]]
    : command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]));

const leaves = leavesOf(testProgram());

test('every command is looked at', () => {
  expect(leaves.map(([name]) => name)).toEqual(expect.arrayContaining(['serve', 'init', 'policy explain']));
  expect(leaves.length).toBeGreaterThan(15);
});

describe.each(leaves)('the help of holdfast %s', (name, command) => {
  const flagsOf = (text: string): string[] => text.match(/(?<=\s)--[a-z-]+/gu) ?? [];

  test('ends with examples that the command takes', async () => {
    const { out, code } = await commandLine(...name.split(' '), '--help');
    expect(code).toBe(0);
    const examples = (out.split('\nExamples:\n')[1] ?? '').trim().split('\n');
    for (const example of examples.map((line) => line.trim())) {
      expect(`${example} `).toContain(`holdfast ${name} `);
      const known = command.options.map(({ long }) => long);
      const required = command.options.filter(({ mandatory }) => mandatory).map(({ long }) => long);
      expect(known).toEqual(expect.arrayContaining(flagsOf(example)));
      expect(flagsOf(example)).toEqual(expect.arrayContaining(required));
    }
  });

  test('offers its output as JSON, and says which options are required', async () => {
    const { out } = await commandLine(...name.split(' '), '--help');
    expect(out).toContain('--json');
    const required = command.options.filter(({ mandatory }) => mandatory).length;
    expect(out.replace(/\s+/gu, ' ').split('(required)').length - 1).toBe(required);
  });
});
