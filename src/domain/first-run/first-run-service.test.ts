import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ENGINES, type EngineName } from '../../../tests/support/engines.ts';
import { createTestDatabase } from '../../../tests/support/postgres.ts';
import { systemRandom } from '../../kernel/random.ts';
import { createInstallationFacts } from '../../store/installation-facts.ts';
import { migrate } from '../../store/migrator.ts';
import { openEngine, type StoreLocation } from '../../store/open-store.ts';
import { createStore } from '../../store/store.ts';
import { createOrganizationService } from '../organizations/organization-service.ts';
import { INSTALLATION } from '../ports/store.ts';
import { createFirstRun, endFirstRun } from './first-run-service.ts';

const BY = { kind: 'cli', id: '', name: 'test' } as const;
const DAY_MS = 86_400_000;
const ada = { label: 'engines', email: 'ada@engines.test' };

async function openPlace(name: EngineName) {
  const directory = name === 'sqlite' ? mkdtempSync(join(tmpdir(), 'holdfast-first-')) : undefined;
  const location: StoreLocation =
    directory === undefined
      ? { kind: 'postgres', url: await createTestDatabase() }
      : { kind: 'sqlite', directory };
  let now = 1_700_000_000_000;
  const clock = { now: () => now };
  const engine = openEngine({ location, clock, onError: () => undefined });
  await migrate(engine);
  const store = createStore({ engine, clock });
  const facts = createInstallationFacts(engine);
  const organizations = createOrganizationService({ store, random: systemRandom });
  const firstRun = createFirstRun({
    store,
    facts,
    organizations,
    hashPassword: async (password) => `hash of ${password}`,
    clock,
    random: systemRandom,
  });
  return {
    engine,
    store,
    facts,
    organizations,
    firstRun,
    wait: (ms: number) => {
      now += ms;
    },
    close: async () => {
      await store.close();
      if (directory !== undefined) rmSync(directory, { recursive: true });
    },
  };
}

describe.each(ENGINES)('the first run on %s', (name) => {
  let place: Awaited<ReturnType<typeof openPlace>>;
  beforeEach(async () => {
    place = await openPlace(name);
  });
  afterEach(() => place.close());

  const link = async (): Promise<string> => {
    const secret = await place.firstRun.createLink();
    if (secret === undefined) throw new Error('no link');
    return secret;
  };
  const refusal = (secret: string, input = ada): Promise<string> =>
    place.firstRun.complete(secret, input).then(
      () => 'done',
      (error: unknown) => (error as { code: string }).code,
    );

  test('makes the first organization with its owner and password', async () => {
    const { organization, owner } = await place.firstRun.complete(await link(), {
      ...ada,
      password: 'analytical engine',
    });
    expect(organization.label).toBe('engines');
    expect(owner).toMatchObject({ role: 'owner', email: 'ada@engines.test' });
    // Theirs, in every organization: they chose it themselves.
    const [identity] = await place.store.find('identity', INSTALLATION, {});
    expect(identity?.secretHash).toBe('hash of analytical engine');
  });

  test('keeps links as hashes: the database never holds a secret', async () => {
    const secret = await link();
    const rows = await place.engine.run('SELECT "name", "value" FROM "installation"', []);
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(rows).toHaveLength(1);
  });

  test('takes every link that was printed and is young enough, and no other', async () => {
    const [first, second] = [await link(), await link()];
    expect(await refusal('nonsense')).toBe('unauthenticated');
    expect(await refusal('')).toBe('unauthenticated');
    expect(await refusal('x'.repeat(100_000))).toBe('unauthenticated');
    place.wait(DAY_MS);
    expect(await refusal(first)).toBe('unauthenticated');
    expect(await refusal(second)).toBe('unauthenticated');
    expect(await refusal(await link())).toBe('done');
  });

  test.each([
    [{ ...ada, label: 'No Label' }],
    [{ ...ada, email: 'nobody' }],
    [{ ...ada, password: 'short' }],
  ])('a mistake (%j) is told, and the link can be used again', async (input) => {
    const secret = await link();
    expect(await refusal(secret, input)).toBe('invalid');
    expect(await refusal(secret)).toBe('done');
  });

  test('is over when it is done: no link works and none is made', async () => {
    const [used, unused] = [await link(), await link()];
    expect(await refusal(used)).toBe('done');
    expect(await refusal(used)).toBe('conflict');
    expect(await refusal(unused)).toBe('conflict');
    expect(await place.firstRun.createLink()).toBeUndefined();
  });

  test('of many at once exactly one makes an organization', async () => {
    const secrets = [await link(), await link(), await link()];
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, (_, i) => refusal(secrets[i % 3] ?? '', { ...ada, label: `engines-${i}` })),
    );
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
    expect(await place.store.count('organization', INSTALLATION)).toBe(1);
  });

  test('is over as soon as an organization was made elsewhere', async () => {
    const secret = await link();
    await place.organizations.create({ label: 'other', owner: { email: 'a@other.test' } }, BY, 'cli');
    expect(await refusal(secret)).toBe('conflict');
    expect(await place.firstRun.isOffered()).toBe(false);
  });

  test('stays over even without any organization, as after a restore', async () => {
    const secret = await link();
    await endFirstRun(place.facts);
    expect(await place.firstRun.isOffered()).toBe(false);
    expect(await refusal(secret)).toBe('conflict');
    expect(await place.engine.run('SELECT "name" FROM "installation"', [])).toEqual([{ name: 'first-run' }]);
  });
});
