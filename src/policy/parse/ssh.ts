import type { Node } from '../../kernel/hujson/index.ts';
import type { SshRule, SshTest } from '../ast.ts';
import { formatDuration, parseDuration } from '../duration.ts';
import { PolicyError } from '../errors.ts';
import type { Reader } from './reader.ts';
import { postures, selectors } from './rules.ts';

const HOUR = 3_600_000;
const DEFAULT_CHECK_PERIOD = 12 * HOUR;
const MAX_CHECK_PERIOD = 168 * HOUR;

const FIELDS = [
  'action',
  'src',
  'dst',
  'users',
  'checkPeriod',
  'acceptEnv',
  'srcPosture',
  'recorder',
  'enforceRecorder',
];

export function parseSsh(read: Reader, section: Node | undefined): SshRule[] {
  return read.items(section, 'ssh').map((node, index) => {
    const fields = read.fields(node, 'an ssh rule', FIELDS);
    const line = read.line(node);
    const place = { line, column: 1 };
    const users = read.strings(fields.get('users'), 'users').map((user) => user.trim());
    const acceptEnv = read.strings(fields.get('acceptenv'), 'acceptEnv');
    const action = sshAction(read.optionalString(fields.get('action'), 'action').trim(), place);
    if (users.length === 0) throw new PolicyError('users must be specified', place);
    const bad = users.find((user) => user === '' || user === '*');
    if (bad !== undefined) throw new PolicyError(`user ${JSON.stringify(bad)} is not valid`, place);
    if (acceptEnv.some((name) => name.trim() === '')) {
      throw new PolicyError('acceptEnv values cannot be empty', place);
    }
    return {
      index,
      line,
      action,
      src: selectors(read, fields.get('src'), 'src'),
      dst: selectors(read, fields.get('dst'), 'dst'),
      users,
      checkPeriod: checkPeriod(read.optionalString(fields.get('checkperiod'), 'checkPeriod').trim(), place),
      acceptEnv,
      srcPosture: postures(read, fields),
      recorder: read.strings(fields.get('recorder'), 'recorder'),
      enforceRecorder: read.boolean(fields.get('enforcerecorder'), 'enforceRecorder'),
    };
  });
}

function sshAction(text: string, place: { line: number; column: number }): 'accept' | 'check' {
  if (text === '') throw new PolicyError('action must be specified', place);
  if (text === 'accept' || text === 'check') return text;
  throw new PolicyError(`${JSON.stringify(text)} is not a valid action`, place);
}

function checkPeriod(text: string, place: { line: number; column: number }): number {
  if (text === '') return DEFAULT_CHECK_PERIOD;
  if (text === 'always') return 0;
  const period = parseDuration(text);
  if (period === undefined) throw new PolicyError(`time: invalid duration ${JSON.stringify(text)}`, place);
  if (period < 0) {
    throw new PolicyError(`checkPeriod ${formatDuration(period)} must be a positive duration`, place);
  }
  if (period > MAX_CHECK_PERIOD) {
    throw new PolicyError(`checkPeriod ${formatDuration(period)} is above the max (168h)`, place);
  }
  return period;
}

const TEST_FIELDS = ['src', 'dst', 'accept', 'check', 'deny', 'srcPostureAttrs'];

export function parseSshTests(read: Reader, section: Node | undefined): SshTest[] {
  return read.items(section, 'sshTests').map((node, index) => {
    const fields = read.fields(node, 'an ssh test', TEST_FIELDS);
    return {
      index,
      line: read.line(node),
      src: read.optionalString(fields.get('src'), 'src').trim(),
      dst: read.strings(fields.get('dst'), 'dst').map((text) => text.trim()),
      accept: read.strings(fields.get('accept'), 'accept'),
      check: read.strings(fields.get('check'), 'check'),
      deny: read.strings(fields.get('deny'), 'deny'),
      srcPostureAttrs: attributesOf(read, fields.get('srcpostureattrs')),
    };
  });
}

/** The attributes that a test gives its source. */
export function attributesOf(read: Reader, node: Node | undefined): SshTest['srcPostureAttrs'] {
  if (node === undefined) return undefined;
  return Object.fromEntries(
    read.entries(node, 'srcPostureAttrs').map(({ name, value }) => [name, read.json(value)]),
  );
}
