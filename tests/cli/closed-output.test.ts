// Whoever reads the output of a command may stop reading, as `head` does.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { holdfastCommand } from '../support/holdfast.ts';
import { programEnvironment } from '../support/program.ts';

test('a command whose output nobody reads any more ends as it would have', async () => {
  const [command = '', ...args] = holdfastCommand('serve', '--help');
  const child = spawn(command, args, { env: programEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const ended = once(child, 'exit');
  expect(await text(child.stderr)).toBe('');
  expect(await ended).toEqual([0, null]);
});
