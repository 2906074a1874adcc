// A device holds its question at one process while its person answers at another.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDevice, type TestDevice } from '../client/index.ts';
import { holdfast, type Server } from '../support/holdfast.ts';
import { startServer } from '../support/installation.ts';
import { createTestDatabase } from '../support/postgres.ts';
import { createVisitor } from '../support/visitor.ts';
import { PASSWORD, signInWith } from './support.ts';

/** What a poll of the other process may take, five times. */
const TOLD_WITHIN_MS = 5 * 1_000;

let directory: string;
let first: Server;
let second: Server;
let device: TestDevice;

beforeAll(async () => {
  directory = mkdtempSync(path.join(tmpdir(), 'holdfast-two-'));
  const database = ['--database-url', await createTestDatabase()];
  const password = path.join(directory, 'password');
  writeFileSync(password, PASSWORD, { mode: 0o600 });
  await holdfast(
    ...['init', ...database, '--org', 'acme', '--domain', 'acme.test', '--owner', 'ada@acme.test'],
    ...['--password-file', password, '--json'],
  );
  // Without hints between the processes: polling alone has to do.
  const flags = [...database, '--no-notify'];
  first = await startServer(path.join(directory, 'first'), ...flags);
  second = await startServer(path.join(directory, 'second'), ...flags);
  device = createTestDevice({ url: first.url, hostname: 'laptop' });
});
afterAll(async () => {
  device?.close();
  await Promise.all([first?.stop(), second?.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

test('the yes at one process ends the wait at the other', async () => {
  const { AuthURL } = await device.register();
  expect(AuthURL.startsWith(first.url)).toBe(true);
  const held = device.register({ followup: AuthURL });
  const person = createVisitor(second.url);
  await signInWith(person, { login: 'ada@acme.test', password: PASSWORD });
  const page = new URL(AuthURL).pathname;
  const shown = await person.get(page);
  expect(shown.heading).toBe('Connect “laptop” to acme?');
  const said = performance.now();
  const done = await person.submit(shown, page, { mine: 'yes', decision: 'connect' });
  expect(done.heading).toBe('“laptop” is connected');
  expect(await held).toMatchObject({ MachineAuthorized: true, Login: { LoginName: 'ada@acme.test' } });
  expect(performance.now() - said).toBeLessThan(TOLD_WITHIN_MS);
});

test('a session ended at one process is over at the other', async () => {
  const here = createVisitor(first.url);
  await signInWith(here, { login: 'ada@acme.test', password: PASSWORD });
  const there = createVisitor(second.url, new Map(here.cookies));
  expect((await there.get('/account')).status).toBe(200);
  await here.submit(await here.get('/account'), '/logout');
  const deadline = performance.now() + TOLD_WITHIN_MS;
  while ((await there.get('/account')).status === 200 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await there.get('/account')).toMatchObject({ status: 303, location: '/login' });
});
