import { describe, expect, it } from 'vitest';
import { createPolicyEngine, parsePolicy, preview, runSshTests, runTests } from '../index.ts';

function engineOf(policy: string) {
  const engine = createPolicyEngine({ policy: parsePolicy(policy) });
  engine.apply({ kind: 'user', user: { id: 1, login: 'ann@a.test', role: 'owner' } });
  engine.apply({ kind: 'user', user: { id: 2, login: 'bob@a.test', role: 'member' } });
  return engine;
}

const RULES = `
  "groups": {"group:dev": ["ann@a.test"]},
  "hosts": {"db": "10.0.0.5", "net": "10.0.0.0/8"},
  "tagOwners": {"tag:web": []},
  "postures": {"posture:linux": ["node:os == 'linux'"]},
  "acls": [
    {"action": "accept", "src": ["group:dev"], "dst": ["tag:web:80,443", "db:5432"]},
    {"action": "accept", "proto": "udp", "src": ["*"], "dst": ["tag:web:53"]},
    {"action": "accept", "src": ["bob@a.test"], "dst": ["db:22"], "srcPosture": ["posture:linux"]},
  ],`;

describe('tests of a policy', () => {
  it('pass for what the rules allow and deny, for people without a device too', () => {
    const engine = engineOf(`{${RULES}
      "tests": [
        {"src": "ann@a.test", "accept": ["tag:web:80", "db:5432", "10.0.0.5:5432"], "deny": ["tag:web:22"]},
        {"src": "group:dev", "accept": ["tag:web:443"]},
        {"src": "bob@a.test", "proto": "udp", "accept": ["tag:web:53"], "deny": ["tag:web:80"]},
        {"src": "bob@a.test", "srcPostureAttrs": {"node:os": "linux"}, "accept": ["db:22"]},
      ]}`);
    expect(runTests(engine.core)).toEqual([]);
  });

  it.each([
    [
      'an address that is dropped',
      '{"src": "bob@a.test", "accept": ["tag:web:80"]}',
      'address "tag:web:80": want: Accept, got: Drop',
    ],
    [
      'an address that is accepted',
      '{"src": "ann@a.test", "deny": ["tag:web:80"]}',
      'address "tag:web:80": want: Drop, got: Accept',
    ],
    [
      'conditions that are not met',
      '{"src": "bob@a.test", "accept": ["db:22"]}',
      'address "db:22": want: Accept, got: Drop',
    ],
    ['an unknown user', '{"src": "eve@a.test", "deny": ["db:22"]}', 'user not found: "eve@a.test"'],
    [
      'a network',
      '{"src": "ann@a.test", "accept": ["net:80"]}',
      'address "net:80": "net" is a network; a test needs one address',
    ],
    [
      'several ports',
      '{"src": "ann@a.test", "accept": ["tag:web:80,443"]}',
      'address "tag:web:80,443": a destination needs one port number',
    ],
    ['nothing to test', '{"src": "ann@a.test"}', 'accept and deny can not both be empty'],
  ])('fail on %s, and say so', (_, test, error) => {
    const engine = engineOf(`{${RULES} "tests": [${test}]}`);
    expect(runTests(engine.core)).toMatchObject([{ errors: [error] }]);
  });

  it('of SSH tell accept from check', () => {
    const rules = `"tagOwners": {"tag:web": []}, "acls": [], "ssh": [
      {"action": "check", "src": ["ann@a.test"], "dst": ["tag:web"], "users": ["root"]},
      {"action": "accept", "src": ["autogroup:member"], "dst": ["tag:web"], "users": ["autogroup:nonroot", "localpart:*@a.test"]},
    ],`;
    const errorsOf = (test: string): readonly string[] =>
      runSshTests(engineOf(`{${rules} "sshTests": [${test}]}`).core).flatMap(({ errors }) => errors);
    expect(
      errorsOf('{"src": "ann@a.test", "dst": ["tag:web"], "check": ["root"], "accept": ["deploy"]}'),
    ).toEqual([]);
    expect(
      errorsOf('{"src": "bob@a.test", "dst": ["tag:web"], "deny": ["root"], "accept": ["bob"]}'),
    ).toEqual([]);
    expect(errorsOf('{"src": "bob@a.test", "dst": ["tag:web"], "check": ["bob"]}')).toEqual([
      'bob at "tag:web": want: check, got: accept',
    ]);
  });
});

describe('the preview of a policy', () => {
  const engine = engineOf(`{${RULES}\n}`);

  it('lists the rules of a user with their lines', () => {
    expect(preview(engine.core, 'user', 'bob@a.test')).toEqual([
      { users: ['*'], ports: ['tag:web:53'], lineNumber: 8, postures: [] },
      { users: ['bob@a.test'], ports: ['db:22'], lineNumber: 9, postures: ['posture:linux'] },
    ]);
  });

  it('lists the rules that lead to an address and port', () => {
    expect(preview(engine.core, 'ipport', '10.0.0.5:5432')).toEqual([
      { users: ['group:dev'], ports: ['tag:web:80', 'tag:web:443', 'db:5432'], lineNumber: 7, postures: [] },
    ]);
    expect(preview(engine.core, 'ipport', '10.0.0.6:5432')).toEqual([]);
    expect(() => preview(engine.core, 'ipport', 'db')).toThrow(/previewFor/);
  });
});
