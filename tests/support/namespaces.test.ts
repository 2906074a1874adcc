import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorld, type World, whyNoNamespaces } from './namespaces.ts';
import { isRunning } from './program.ts';
import { unless } from './requirements.ts';

const AGENT = path.join(import.meta.dirname, 'namespace-agent.ts');
const ECHO_PORT = '7';

describe('a world of namespaces', unless(await whyNoNamespaces()), () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
    await world.addHost('middle', { forwarding: true });
    for (const [index, name] of ['left', 'right'].entries()) {
      await world.addHost(name);
      await world.link(
        { host: 'middle', address: `10.99.${index + 1}.1/24` },
        { host: name, address: `10.99.${index + 1}.2/24` },
      );
      await world.run(name, ['ip', 'route', 'add', 'default', 'via', `10.99.${index + 1}.1`]);
    }
    await world.start('right', [process.execPath, AGENT, 'echo', ECHO_PORT]);
  });
  afterAll(() => world?.end());

  test('carries TCP between hosts through the router between them', async () => {
    const dial = () => world.run('left', [process.execPath, AGENT, 'dial', '10.99.2.2', ECHO_PORT, 'hello']);
    await expect.poll(dial, { timeout: 10_000 }).toBe('hello\n');
  });

  test('shows nothing of itself outside', async () => {
    expect(existsSync('/run/netns/middle')).toBe(false);
    expect(existsSync('/etc/netns/middle')).toBe(false);
  });

  test('tells what a failing command wrote', async () => {
    await expect(world.run('left', ['sh', '-c', 'echo reason >&2; exit 3'])).rejects.toThrow('reason');
  });

  test('gives the pid of the program itself, so that a signal reaches it', async () => {
    const sleeper = await world.start('left', ['sleep', '1000']);
    await expect.poll(() => process.kill(sleeper.pid, 0)).toBe(true);
    process.kill(sleeper.pid, 'SIGKILL');
    expect(await sleeper.ended).toBe('SIGKILL');
  });
});

test(
  'a world ends with the process that made it, even a killed one',
  unless(await whyNoNamespaces()),
  async () => {
    const script = `
    const { createWorld } = await import(${JSON.stringify(new URL('./namespaces.ts', import.meta.url).href)});
    const world = await createWorld();
    await world.addHost('alone');
    const { pid } = await world.start('alone', ['sleep', '1000']);
    console.log(pid + ' ' + world.directory);
    setInterval(() => {}, 1000);`;
    const maker = execFile(process.execPath, ['--input-type=module', '--eval', script]);
    const line = await new Promise<string>((resolve) => maker.stdout?.once('data', resolve));
    const [pid, directory = ''] = line.trim().split(' ');
    expect(existsSync(directory)).toBe(true);
    maker.kill('SIGKILL');
    await expect.poll(() => isRunning(Number(pid)), { timeout: 5_000 }).toBe(false);
    await expect.poll(() => existsSync(directory), { timeout: 5_000 }).toBe(false);
  },
);
