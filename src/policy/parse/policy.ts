import { HujsonError, type Node, parse } from '../../kernel/hujson/index.ts';
import type { Policy, PolicyTest } from '../ast.ts';
import { PolicyError } from '../errors.ts';
import { parseIpSets, resolveIpSets } from './ip-sets.ts';
import { createPlaces } from './places.ts';
import { createReader, type Reader } from './reader.ts';
import { parseAcls, parseGrants } from './rules.ts';
import {
  parseAttrConfig,
  parseAutoApprovers,
  parseGroups,
  parseHosts,
  parseNodeAttrs,
  parsePostures,
  parseTagOwners,
  parseTests,
} from './sections.ts';
import { parseSsh, parseSshTests } from './ssh.ts';

const SECTIONS = [
  'groups',
  'hosts',
  'tagOwners',
  'autoApprovers',
  'acls',
  'grants',
  'ssh',
  'nodeAttrs',
  'postures',
  'defaultSrcPosture',
  'ipsets',
  'attrConfig',
  'tests',
  'sshTests',
  'derpMap',
  'randomizeClientPort',
  'disableIPv4',
  'OneCGNATRoute',
];

/** Files beyond this size are refused before any work is done. */
const MAX_POLICY_LENGTH = 2_000_000;

/**
 * Parses a policy file and checks its shape. Throws PolicyError with the place of the first problem. Whether names
 * exist and may stand where they stand is `validatePolicy`'s question.
 */
export function parsePolicy(text: string): Policy {
  if (text.length > MAX_POLICY_LENGTH) throw new PolicyError('policy file is too large');
  const root = parseText(text);
  const places = createPlaces(text);
  const read = createReader(places);
  const sections = read.fields(root, 'a policy file', SECTIONS);
  const section = (name: string): Node | undefined => sections.get(name.toLowerCase());
  const hosts = parseHosts(read, section('hosts'));
  const ipsets = parseIpSets(read, section('ipsets'));
  const hasRules = section('acls') !== undefined || section('grants') !== undefined;
  return {
    places,
    groups: parseGroups(read, section('groups')),
    hosts,
    tagOwners: parseTagOwners(read, section('tagOwners')),
    autoApprovers: parseAutoApprovers(read, section('autoApprovers')),
    ipsets,
    ipsetAddresses: resolveIpSets(ipsets, hosts, places),
    postures: parsePostures(read, section('postures')),
    defaultSrcPosture: read.strings(section('defaultSrcPosture'), 'defaultSrcPosture'),
    rules: hasRules
      ? [...parseAcls(read, section('acls')), ...parseGrants(read, section('grants'))]
      : undefined,
    ssh: parseSsh(read, section('ssh')),
    nodeAttrs: parseNodeAttrs(read, section('nodeAttrs')),
    attrConfig: parseAttrConfig(read, section('attrConfig')),
    tests: parseTests(read, section('tests')),
    sshTests: parseSshTests(read, section('sshTests')),
    derpMap: optionalJson(read, section('derpMap')),
    randomizeClientPort: read.boolean(section('randomizeClientPort'), 'randomizeClientPort'),
    disableIPv4: read.boolean(section('disableIPv4'), 'disableIPv4'),
    oneCGNATRoute: cgnatRoute(read, section('OneCGNATRoute')),
  };
}

/** A list of tests by itself, in the form of the file's section. Throws PolicyError. */
export function parseTestList(text: string): PolicyTest[] {
  return parseTests(createReader(createPlaces(text)), parseText(text));
}

function parseText(text: string): Node {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof HujsonError) throw new PolicyError(error.message, error.position);
    throw error;
  }
}

function optionalJson(read: Reader, node: Node | undefined): Policy['derpMap'] {
  return node === undefined ? undefined : read.json(node);
}

function cgnatRoute(read: Reader, node: Node | undefined): Policy['oneCGNATRoute'] {
  const text = read.optionalString(node, 'OneCGNATRoute');
  if (text === '' || text === 'mac-always' || text === 'mac-never') return text;
  throw new PolicyError(
    `OneCGNATRoute: ${JSON.stringify(text)} is not "", "mac-always" or "mac-never"`,
    node && read.place(node),
  );
}

/** The policy of an organization without a file: everything may reach everything. */
export const ALLOW_ALL_POLICY: Policy = parsePolicy('{}');
