// `holdfast policy explain` and `holdfast policy impact`, as a person at a prompt has them.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandLine, type Place } from '../support/command-line.ts';
import { insertPolicy } from '../support/seeds.ts';
import { createPolicyPlace, insertDevice } from './policy-place.ts';

describe('questions about a policy', () => {
  let place: Place;
  const policy = {
    tagOwners: { 'tag:web': [] },
    grants: [{ src: ['autogroup:member'], dst: ['tag:web'], ip: ['tcp:443'] }],
  };

  beforeAll(async () => {
    place = await createPolicyPlace(async (tx, org, ada) => {
      await insertDevice(tx, org, 'laptop', null, ada, '100.64.0.1');
      await insertDevice(tx, org, 'web', 'tag:web', ada, '100.64.0.2');
      await insertPolicy(tx, org, JSON.stringify(policy, null, 2));
    });
  });
  afterAll(() => place.remove());

  const explain = (source: string, target: string, ...more: string[]) =>
    commandLine(
      'policy',
      'explain',
      '--org',
      'acme',
      '--src',
      source,
      '--dst',
      target,
      ...more,
      ...place.flags,
    );

  test('an allowed pair comes with its rule and its line', async () => {
    const { code, out, err } = await explain('laptop', 'web:443');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('laptop may reach web on port 443');
    expect(out).toContain('grants[0], line 6 of the policy file');
    expect(out).toContain('web.acme.holdfast.internal');
  });

  test('a refused one comes with the closest rule and what it lacks', async () => {
    const { code, out } = await explain('laptop', 'web:22');
    expect(code).toBe(0);
    expect(out).toContain('laptop may NOT reach web on port 22');
    expect(out).toMatch(/closest: grants\[0\], line 6 .* does not open this protocol and port/);
  });

  test.each([
    ['ada@acme.test', 'tag:web:443', true],
    ['web', 'laptop:443', false],
    ['100.64.0.1', '100.64.0.2:443', true],
    ['laptop.acme.holdfast.internal', 'web.acme.holdfast.internal:443', true],
  ])('from %s to %s: %s', async (source, target, allowed) => {
    const outcome = await explain(source, target, '--json');
    expect(outcome.json<{ allowed: boolean }>().allowed).toBe(allowed);
  });

  test.each([
    [['--dst', 'web'], '--dst web needs a port'],
    [['--dst', 'web:70000'], '--dst web:70000 needs a port'],
    [['--dst', 'web:1', '--proto', 'quic'], '--proto quic is none of'],
  ])('%s is a sentence that says what to do', async (flags, sentence) => {
    const { code, err } = await commandLine(
      'policy',
      'explain',
      '--org',
      'acme',
      '--src',
      'web',
      ...flags,
      ...place.flags,
    );
    expect(code).toBe(2);
    expect(err).toContain(sentence);
  });

  test('a nobody is told as such, and refused', async () => {
    const { code, out, err } = await explain('nobody@acme.test', 'web:443');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('--src nobody@acme.test: no user has this login');
  });

  test('impact names what opens and closes, and saves nothing', async () => {
    const [, directory = ''] = place.flags;
    const file = path.join(directory, 'next.hujson');
    writeFileSync(
      file,
      JSON.stringify({ ...policy, grants: [{ src: ['*'], dst: ['tag:web'], ip: ['tcp:22'] }] }),
    );
    const { code, out } = await commandLine('policy', 'impact', file, '--org', 'acme', ...place.flags);
    expect(code).toBe(0);
    expect(out).toContain('laptop to web\n  + tcp 22\n  - tcp 443\n');
    expect(out).toContain('nothing has been saved');
    expect((await explain('laptop', 'web:443', '--json')).json<{ allowed: boolean }>().allowed).toBe(true);
  });

  test('impact refuses a file that is no policy, with its place', async () => {
    const [, directory = ''] = place.flags;
    const file = path.join(directory, 'broken.hujson');
    writeFileSync(file, '{\n  "grants": [\n}');
    const { code, err } = await commandLine('policy', 'impact', file, '--org', 'acme', ...place.flags);
    expect(code).toBe(1);
    expect(err).toContain('line 3, column 1');
  });

  test('impact refuses a file with names that there are not, with their place', async () => {
    const [, directory = ''] = place.flags;
    const file = path.join(directory, 'unknown.hujson');
    writeFileSync(file, '{\n  "grants": [\n    {"src": ["*"], "dst": ["tag:no"], "ip": ["*"]}]\n}');
    const { code, err } = await commandLine('policy', 'impact', file, '--org', 'acme', ...place.flags);
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringContaining('unknown.hujson: line 3, column 28: dst="tag:no": tag not found'),
    });
  });

  test('compile says where a refused file is at fault', async () => {
    const [, directory = ''] = place.flags;
    const file = path.join(directory, 'cases.jsonl');
    const text = '{"tests": [],\n "acls": [{"action": "accept", "src": ["tag:no"], "dst": ["*:*"]}]}';
    writeFileSync(
      file,
      JSON.stringify({ id: 'a', input: { policy: text, domain: 'a.test', users: [], nodes: {} } }),
    );
    const { out } = await commandLine('policy', 'compile', '--jsonl', file);
    expect(JSON.parse(out)).toEqual({
      ...{ id: 'a', status: 400, message: 'src=tag not found: "tag:no"' },
      ...{ line: 2, column: 40 },
    });
  });
});
