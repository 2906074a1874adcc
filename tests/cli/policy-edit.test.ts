// `holdfast policy show`, `set` and `remove`: the file at a prompt, changed one value at a time.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandLine, type Place } from '../support/command-line.ts';
import { insertPolicy } from '../support/seeds.ts';
import { createPolicyPlace } from './policy-place.ts';

const FILE = `{
	// Who keeps things running.
	"groups": {"group:ops": ["ada@acme.test"]}, /* all of them */
	"acls": [
		{"action": "accept", "src": ["group:ops"], "dst": ["*:22"]}, // by hand
		{"action": "accept", "src": ["*"], "dst": ["*:443"]},
	],
	"tests": [{"src": "ada@acme.test", "accept": ["100.64.0.9:22"]}],
}
`;

describe('the policy file at a prompt', () => {
  let place: Place;
  const policy = (...args: string[]) => commandLine('policy', ...args, '--org', 'acme', ...place.flags);
  const shown = async () => (await policy('show')).out;

  beforeAll(async () => {
    place = await createPolicyPlace((tx, org) => insertPolicy(tx, org, FILE));
  });
  afterAll(() => place.remove());

  test('is shown as it was saved', async () => {
    expect(`${await shown()}\n`.replace(/\n+$/u, '\n')).toBe(FILE);
    const { text, version, etag } = (await policy('show', '--json')).json<Record<string, unknown>>();
    expect(text).toBe(FILE);
    expect([typeof version, String(etag).length]).toEqual(['number', 64]);
  });

  test('is checked and printed, and not saved, when asked so', async () => {
    const wrong = await policy('set', '/acls/0/src', '["group:nobody"]', '--dry-run');
    expect(wrong).toMatchObject({ code: 1, out: '' });
    const dry = await policy('set', '/acls/1/dst', '["*:8443"]', '--dry-run');
    expect(dry.out.trimEnd()).toBe(FILE.replace('["*:443"]', '["*:8443"]').trimEnd());
    expect((await policy('show', '--json')).json<{ text: string }>().text).toBe(FILE);
  });

  test.each([
    [['set', '/acls/0/src', '["group:nobody"]'], 'group:nobody'],
    [['set', '/acls/0/dst', '["*:80"]'], 'test(s) failed; ada@acme.test:'],
    [['set', '/acls/0/dst', 'group:ops'], 'VALUE is no JSON'],
    [['set', '/acls/7/dst', '1'], '"holdfast policy show" prints the file'],
    [['set', 'acls', '1'], 'not a JSON Pointer'],
    [['remove', '/acls/2'], 'no such value'],
    [['set', '', '[]'], 'must be an object'],
  ])('%j is refused in a sentence and saves nothing', async (args, sentence) => {
    const { code, out, err } = await policy(...args);
    expect(code).not.toBe(0);
    expect(out).toBe('');
    expect(err).toContain(sentence);
    expect((await policy('show', '--json')).json<{ text: string }>().text).toBe(FILE);
  });

  test('keeps every byte around a value that changes, and the change is in the audit log', async () => {
    const first = await policy(
      'set',
      '/acls/-',
      '{"action": "accept", "src": ["*"], "dst": ["*:53"], "proto": "udp"}',
    );
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(/^Version \d+ of the policy file is in force\./u);
    const removed = await policy('remove', '/acls/1', '--json');
    const { text } = removed.json<{ text: string }>();
    expect(text).toContain(
      '// Who keeps things running.\n\t"groups": {"group:ops": ["ada@acme.test"]}, /* all of them */',
    );
    expect(text).toContain('"dst": ["*:22"]}, // by hand');
    expect(text).toContain('"proto": "udp"');
    expect(text).not.toContain('"*:443"');
    expect((await commandLine('audit', 'verify', ...place.flags)).code).toBe(0);
  });
});
