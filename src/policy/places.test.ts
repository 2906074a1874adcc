import { describe, expect, it } from 'vitest';
import {
  createPolicyEngine,
  DEFAULT_SETTINGS,
  PolicyError,
  parsePolicy,
  placedMessage,
  runSshTests,
  runTests,
  validatePolicy,
} from './index.ts';

const CONTEXT = { domains: new Set(['a.test']), directoryGroups: () => [], hasUser: () => true };
const MARK = '¦';

function refusal(text: string): PolicyError {
  try {
    validatePolicy(parsePolicy(text), CONTEXT);
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error('the file was accepted');
}

/** Files with a mark in front of the value that the error must point at, and how the message begins. */
const FAULTY: readonly (readonly [section: string, message: string, file: string])[] = [
  ['syntax', 'line 3', '{\n  "acls": [],\n  ¦x\n}'],
  ['the file', 'line 2', '// ü\n¦[]'],
  ['a section', 'line 2', '{\n  /* é */ ¦"gruops": {}\n}'],
  ['a value', 'line 3', '{"groups": {},\n "hosts": {\n  "é": ¦7}}'],

  ['groups', 'groups["dev"]', '{\n "groups": {\n  "group:a": [],\n  ¦"dev": ["x@a.test"]}}'],
  [
    'groups',
    'groups["group:b"]: "group:a"',
    '{"groups": {"group:a": [], "group:b": ["x@a.test", ¦"group:a"]}}',
  ],
  ['hosts', 'hosts["a@b"]', '{"hosts": {\n\t¦"a@b": "10.0.0.1"}}'],
  ['hosts', 'hosts["db"]', '{"hosts": {\n\t"db":   ¦"10.0.0.256"}}'],
  ['tagOwners', 'tagOwners["tag:1"]', '{"tagOwners": {"tag:a": [], ¦"tag:1": []}}'],
  ['tagOwners', 'tagOwners["tag:a"]: group not', '{"TagOwners": {"tag:a": [\n  "x@a.test", ¦"group:no"]}}'],
  ['tagOwners', 'tagOwners["tag:a"]: tag not', '{"tagOwners": {"tag:a": ["x@a.test"], "tag:a": [¦"tag:b"]}}'],

  ['autoApprovers', 'autoApprovers.routes["10/8"]', '{"autoApprovers": {"routes": {¦"10/8": []}}}'],
  [
    'autoApprovers',
    'autoApprovers.routes: tag',
    '{"autoApprovers": {"routes": {" 10.0.0.0/8": ["x@a.test", ¦"tag:no"]}}}',
  ],
  ['autoApprovers', 'autoApprovers: tag', '{"autoApprovers": {\n "exitNode": [\n  ¦"tag:no"]}}'],
  ['autoApprovers', 'autoApprovers: group', '{"autoApprovers": {"services": {"svc:a": [¦"group:no"]}}}'],

  ['acls', 'action="drop"', '{"acls": [\n  {"action": ¦"drop", "src": ["*"], "dst": ["*:*"]}]}'],
  ['acls', 'action=""', '{"acls": [\n  ¦{"src": ["*"], "dst": ["*:*"]}]}'],
  ['acls', 'src=tag not', '{"acls": [{"action": "accept", "src": ["*", ¦"tag:no"], "dst": ["*:*"]}]}'],
  [
    'acls of old names',
    'src=group not',
    '{"ACLs": [{"Action": "accept", "Users": ["*",\n\n ¦"group:no"], "Ports": ["*:*"]}]}',
  ],
  [
    'acls of old names',
    'dst="ipset:no"',
    '{"acls": [{"action": "accept", "users": ["*"], "ports": ["*:*", ¦"ipset:no:22"]}]}',
  ],
  ['acls', 'dst="*"', '{"acls": [{"action": "accept", "src": ["*"],\n "dst": ["*:*", ¦"*"]}]}'],
  ['acls', 'dst="*:x"', '{"acls": [{"action": "accept", "src": ["*"], "dst": [¦"*:x"]}]}'],
  ['acls', 'dst="no"', '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*", ¦"no:22"]}]}'],
  [
    'acls',
    'proto name "no" not known',
    '{"acls": [{"action": "accept",\n "proto": ¦"no", "src": ["*"], "dst": ["*:1"]}]}',
  ],
  [
    'acls',
    'dst="*:1": protocol "icmp"',
    '{"acls": [{"action": "accept", "proto": "icmp", "src": ["*"], "dst": ["*:*", ¦"*:1"]}]}',
  ],
  [
    'acls',
    'srcPosture: posture',
    '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"],\n "srcPosture": [¦"posture:no"]}]}',
  ],

  [
    'grants',
    'ip and app',
    '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]},\n  ¦{"src": ["*"], "dst": ["*"]}]}',
  ],
  ['grants', 'port range', '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["22", ¦"9-1"]}]}'],
  ['grants', 'proto name "no"', '{"grants": [{"src": ["*"], "dst": ["*"], "ip": [¦"no:1"]}]}'],
  ['grants', 'b.test is not', '{"grants": [{"src": [¦"user:*@b.test"], "dst": ["*"], "ip": ["*"]}]}'],
  ['grants', '"svc:a" not valid', '{"grants": [{"src": [¦"svc:a"], "dst": ["*"], "ip": ["*"]}]}'],
  ['grants', 'dst="tag:no"', '{"grants": [{"src": ["*"], "dst": ["*", ¦"tag:no"], "ip": ["*"]}]}'],
  ['grants', 'dst "0.0.0.0/0"', '{"grants": [{"src": ["*"], "dst": ["*",¦"0.0.0.0/0"], "ip": ["*"]}]}'],
  ['grants', 'autogroup:self can', '{"grants": [{"src": ["*"], "dst": [¦"autogroup:self"], "ip": ["*"]}]}'],
  ['grants', 'via can', '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "via": [¦"x"]}]}'],
  ['grants', 'tag "tag:no"', '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "via":\n[¦"tag:no"]}]}'],
  ['grants', 'capability name', '{"grants": [{"src": ["*"], "dst": ["*"], "app": {"a.b/c": [], ¦"x": []}}]}'],
  ['grants', 'line 1', '{"grants": [{"src": ["*"], "dst": ["*"], "app": {"a.b/c": ¦{}}}]}'],
  [
    'grants',
    'srcPosture: posture',
    '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"], "srcPosture": [¦"posture:no"]}]}',
  ],

  ['ssh', 'action must', '{"ssh": [\n ¦{"src": [], "dst": [], "users": ["root"]}]}'],
  ['ssh', '"no" is not', '{"ssh": [{"action": ¦"no", "src": [], "dst": [], "users": ["root"]}]}'],
  ['ssh', 'users must', '{"ssh": [ ¦{"action": "accept", "src": [], "dst": []}]}'],
  ['ssh', 'user "*"', '{"ssh": [{"action": "accept", "src": [], "dst": [], "users": ["root", ¦"*"]}]}'],
  ['ssh', 'acceptEnv', '{"ssh": [{"action": "accept", "users": ["root"], "acceptEnv": ["A", ¦" "]}]}'],
  ['ssh', 'time: invalid', '{"ssh": [{"action": "check", "users": ["root"], "checkPeriod": ¦"soon"}]}'],
  [
    'ssh',
    'checkPeriod 169h0m0s',
    '{"ssh": [{"action": "check", "users": ["root"], "checkPeriod": ¦"169h"}]}',
  ],
  ['ssh', 'b.test is not', '{"ssh": [{"action": "accept", "users": ["root", ¦"localpart:*@b.test"]}]}'],
  [
    'ssh',
    'invalid src',
    '{"ssh": [{"action": "accept", "src": ["x@a.test", ¦"10.0.0.1"], "users": ["root"]}]}',
  ],
  [
    'ssh',
    'invalid dst',
    '{"ssh": [{"action": "accept", "src": ["x@a.test"], "dst": [¦"*"], "users": ["root"]}]}',
  ],
  [
    'ssh',
    'invalid recorder',
    '{"ssh": [{"action": "accept", "users": ["root"], "recorder": [¦"10.0.0.1:80"]}]}',
  ],
  [
    'ssh',
    'recorder=tag not found',
    '{"ssh": [{"action": "accept", "users": ["root"], "recorder": [¦"tag:no"]}]}',
  ],
  [
    'ssh',
    'only one recorder tag',
    '{"tagOwners": {"tag:a": []}, "ssh": [{"action": "accept", "users": ["root"], "recorder": ["tag:a", ¦"tag:a"]}]}',
  ],
  ['ssh', 'srcPosture', '{"ssh": [{"action": "accept", "users": ["root"], "srcPosture": [¦"posture:no"]}]}'],

  ['nodeAttrs', 'tag not', '{"nodeAttrs": [{"target": ["*", ¦"tag:no"], "attr": ["x"]}]}'],
  ['nodeAttrs', 'internal', '{"nodeAttrs": [{"target": [¦"autogroup:self"], "attr": ["x"]}]}'],
  ['nodeAttrs', 'IPPool(x)', '{"nodeAttrs": [{"target": ["*"], "ipPool": [¦"x"]}]}'],
  [
    'nodeAttrs',
    'IPPool(10.',
    '{"nodeAttrs": [{"target": ["*"], "ipPool": ["100.64.1.0/24",¦"10.0.0.0/8"]}]}',
  ],
  [
    'nodeAttrs',
    'tailscale.com/app-connectors can',
    '{"nodeAttrs": [{"target": [], "app": {¦"tailscale.com/app-connectors": []}}]}',
  ],
  [
    'nodeAttrs',
    'connector (x)',
    '{"nodeAttrs": [{"target": ["*"], "app": {"tailscale.com/app-connectors": [{}, {"connectors": ["*", ¦"x"]}]}}]}',
  ],
  [
    'nodeAttrs',
    'preset app ID',
    '{"nodeAttrs": [{"target": ["*"], "app": {"tailscale.com/app-connectors": [{"presetAppID":\n ¦"x"}]}}]}',
  ],

  ['postures', 'postures["x"]', '{"postures": {"posture:a": [], ¦"x": []}}'],
  [
    'postures',
    'postures["posture:a"]',
    '{"postures": {"posture:a": ["node:os == \'linux\'",\n ¦"node:os ="]}}',
  ],
  [
    'defaultSrcPosture',
    'srcPosture',
    '{"postures": {"posture:a": []}, "defaultSrcPosture": ["posture:a", ¦"posture:b"]}',
  ],
  ['ipsets', 'ipsets["x"]', '{"ipsets": {¦"x": []}}'],
  ['ipsets', 'ipsets["ipset:a"]: "x"', '{"ipsets": {"ipset:a": ["10.0.0.1", ¦"x"]}}'],
  ['ipsets', 'ipsets["ipset:a"]: ipset', '{"ipsets": {"ipset:a": ["10.0.0.1", ¦"add ipset:no"]}}'],
  ['ipsets', 'ipsets["ipset:a"]: "no"', '{"ipsets": {"ipset:a": ["10.0.0.1", "10.0.0.2", ¦"host:no"]}}'],
  [
    'ipsets',
    'ipsets["ipset:a"]: IP sets cannot',
    '{"ipsets": {¦"ipset:a": ["ipset:b"], "ipset:b": ["ipset:a"]}}',
  ],
  ['attrConfig', 'attrConfig["x"]', '{"attrConfig": {¦"x": {"type": "string"}}}'],
  ['attrConfig', 'attrConfig["custom:x"]', '{"attrConfig": {"custom:x": {"type": ¦"list"}}}'],
  ['attrConfig', 'attrConfig["custom:x"]', '{"attrConfig": {"custom:x": ¦{}}}'],
  ['tests', 'line 2', '{"tests": [\n {"src": "x@a.test", "accept": [¦7]}]}'],
  ['sshTests', 'SSH tests dst contains unknown', '{"sshTests": [{"dst": ["x", ¦"tag:no"]}]}'],
  ['sshTests', 'SSH tests dst contains disallowed', '{"sshTests": [{}, {"dst": [¦"10.0.0.0/8"]}]}'],
  ['OneCGNATRoute', 'OneCGNATRoute', '{"OneCGNATRoute": ¦"linux"}'],
  ['randomizeClientPort', 'line 1', '{"randomizeClientPort": ¦"yes"}'],
];

/** Line and column of the mark, counted without the program's help. */
function marked(file: string): { readonly text: string; readonly line: number; readonly column: number } {
  const lines = file.slice(0, file.indexOf(MARK)).split('\n');
  return {
    text: file.replace(MARK, ''),
    line: lines.length,
    column: Buffer.byteLength(lines.at(-1) ?? '') + 1,
  };
}

describe('the place of what is wrong', () => {
  it.each(FAULTY)('%s: %s', (_section, message, file) => {
    const { text, line, column } = marked(file);
    const error = refusal(text);
    expect(error.message.startsWith(message)).toBe(true);
    expect(`${error.line}:${error.column}`).toBe(`${line}:${column}`);
    expect(placedMessage(error).startsWith(`line ${line}, column ${column}: `)).toBe(true);
    expect(placedMessage(error).match(/line [0-9]+, column/gu)).toHaveLength(1);
  });

  it('every section of a policy file has one', () => {
    const sections = [
      ...['groups', 'hosts', 'tagOwners', 'autoApprovers', 'acls', 'grants', 'ssh', 'nodeAttrs', 'postures'],
      ...[
        'defaultSrcPosture',
        'ipsets',
        'attrConfig',
        'tests',
        'sshTests',
        'randomizeClientPort',
        'OneCGNATRoute',
      ],
    ];
    const tried = new Set(FAULTY.map(([section]) => section));
    expect(sections.filter((section) => !tried.has(section))).toEqual([]);
  });

  it('of tests that fail is that of each test', () => {
    const policy = parsePolicy(`{
  "acls": [],
  "sshTests": [{"src": "x@a.test", "dst": ["y@a.test"], "accept": ["root"]}],
  "tests": [{"src": "x@a.test", "accept": ["tag:a:22"]}, {"src": "x@a.test", "accept": ["10.0.0.1:22"]},
    {"src": "x@a.test", "accept": ["10.0.0.1:80"]}],
}`);
    const { core } = createPolicyEngine({ policy, settings: DEFAULT_SETTINGS });
    const places = [...runTests(core), ...runSshTests(core)].map(({ place }) => place);
    expect(places).toEqual([
      { line: 4, column: 13 },
      { line: 4, column: 58 },
      { line: 5, column: 5 },
      { line: 3, column: 16 },
    ]);
  });

  it('is found in a file of a megabyte on one line without counting it again for each rule', () => {
    const rules = Array.from({ length: 10_000 }, () => ({
      src: ['*'],
      dst: ['*'],
      ip: ['*'],
      via: ['tag:a'],
    }));
    const tests = Array.from({ length: 10_000 }, () => ({ src: 'é@a.test', accept: ['10.0.0.1:1'] }));
    const text = JSON.stringify({
      tagOwners: { 'tag:a': [] },
      tests,
      grants: [...rules, { src: ['tag:no'] }],
    });
    const started = process.cpuUsage();
    const file = text.replace('{"src":["tag:no"]}', '{"src":["tag:no"],"dst":[],"ip":["*"]}');
    const { line, column } = refusal(file);
    const { user } = process.cpuUsage(started);
    expect({ line, column }).toEqual({
      line: 1,
      column: Buffer.byteLength(file.slice(0, file.indexOf('"tag:no"'))) + 1,
    });
    expect(user / 1000).toBeLessThan(5_000);
  });
});
