import type { Node } from '../../kernel/hujson/index.ts';
import type { SshRule, SshTest } from '../ast.ts';
import { formatDuration, parseDuration } from '../duration.ts';
import { PolicyError } from '../errors.ts';
import type { Reader } from './reader.ts';
import { postures, selectors } from './rules.ts';

const HOUR = 3_600_000;
const DEFAULT_CHECK_PERIOD = 12 * HOUR;
const NANOSECONDS_PER_MS = 1_000_000;
const MAX_CHECK_PERIOD = BigInt(168 * HOUR * NANOSECONDS_PER_MS);

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
    const action = field(read, node, fields.get('action'), 'action', sshAction);
    const users = read.list(fields.get('users'), 'users', (text) => {
      const user = text.trim();
      if (user === '' || user === '*') throw new PolicyError(`user ${JSON.stringify(user)} is not valid`);
      return user;
    });
    if (users.length === 0) throw new PolicyError('users must be specified', read.place(node));
    const acceptEnv = read.list(fields.get('acceptenv'), 'acceptEnv', (name) => {
      if (name.trim() === '') throw new PolicyError('acceptEnv values cannot be empty');
      return name;
    });
    return {
      index,
      line: read.line(node),
      action,
      src: selectors(read, fields.get('src'), 'src'),
      dst: selectors(read, fields.get('dst'), 'dst'),
      users,
      checkPeriod: field(read, node, fields.get('checkperiod'), 'checkPeriod', checkPeriod),
      acceptEnv,
      srcPosture: postures(read, fields),
      recorder: read.strings(fields.get('recorder'), 'recorder'),
      enforceRecorder: read.boolean(fields.get('enforcerecorder'), 'enforceRecorder'),
    };
  });
}

/** A field of a rule; what is wrong with one that is not there is the rule's. */
function field<T>(
  read: Reader,
  rule: Node,
  value: Node | undefined,
  what: string,
  parse: (text: string) => T,
): T {
  const text = read.optionalString(value, what).trim();
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw new PolicyError(error.message, read.place(value ?? rule));
  }
}

function sshAction(text: string): 'accept' | 'check' {
  if (text === '') throw new PolicyError('action must be specified');
  if (text === 'accept' || text === 'check') return text;
  throw new PolicyError(`${JSON.stringify(text)} is not a valid action`);
}

function checkPeriod(text: string): number {
  if (text === '') return DEFAULT_CHECK_PERIOD;
  if (text === 'always') return 0;
  const period = parseDuration(text);
  if (typeof period === 'string') throw new PolicyError(period);
  if (period < 0n) {
    throw new PolicyError(`checkPeriod ${formatDuration(period)} must be a positive duration`);
  }
  if (period > MAX_CHECK_PERIOD) {
    throw new PolicyError(`checkPeriod ${formatDuration(period)} is above the max (168h)`);
  }
  return Number(period) / NANOSECONDS_PER_MS;
}

const TEST_FIELDS = ['src', 'dst', 'accept', 'check', 'deny', 'srcPostureAttrs'];

export function parseSshTests(read: Reader, section: Node | undefined): SshTest[] {
  return read.items(section, 'sshTests').map((node, index) => {
    const fields = read.fields(node, 'an ssh test', TEST_FIELDS);
    return {
      index,
      place: read.place(node),
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
