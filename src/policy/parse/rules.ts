import type { ExactValue, Node } from '../../kernel/hujson/index.ts';
import type { Rule, Selector, Target } from '../ast.ts';
import { PolicyError } from '../errors.ts';
import { portList, protoPorts, requirePortsAllowed, requireProtocol, splitHostPorts } from './ports.ts';
import type { Reader } from './reader.ts';
import { parseSelector } from './selector.ts';

const ACL_FIELDS = ['action', 'src', 'users', 'dst', 'ports', 'proto', 'srcPosture'];
const GRANT_FIELDS = ['src', 'dst', 'ip', 'app', 'srcPosture', 'via'];

/** Parses `acls`: each destination carries its own ports, so each becomes a target. */
export function parseAcls(read: Reader, section: Node | undefined): Rule[] {
  return read.items(section, 'acls').map((node, index) => {
    const fields = read.fields(node, 'an acl', ACL_FIELDS);
    const action = read.optionalString(fields.get('action'), 'action');
    if (action !== 'accept') {
      const place = read.place(fields.get('action') ?? node);
      throw new PolicyError(`action=${JSON.stringify(action)} is not supported`, place);
    }
    const proto = protocol(read, fields.get('proto'));
    const dst = fields.get('dst') ?? fields.get('ports');
    return {
      section: 'acls',
      index,
      line: read.line(node),
      src: selectors(read, fields.get('src') ?? fields.get('users'), 'src'),
      targets: read.list(dst, 'dst', (text) => aclTarget(text.trim(), proto)),
      app: undefined,
      via: [],
      srcPosture: postures(read, fields),
    };
  });
}

/** A selector list. */
export const selectors = (read: Reader, node: Node | undefined, what: string): Selector[] =>
  read.list(node, what, parseSelector);

/** The rule's own posture list, or undefined for the default one. */
export const postures = (read: Reader, fields: ReadonlyMap<string, Node>): readonly string[] | undefined => {
  const node = fields.get('srcposture');
  return node === undefined ? undefined : read.strings(node, 'srcPosture');
};

/** The protocol of an acl, by its name as written. */
interface Protocol {
  readonly name: string;
  readonly number: number;
}

function protocol(read: Reader, node: Node | undefined): Protocol | undefined {
  const name = read.optionalString(node, 'proto');
  if (node === undefined || name === '') return undefined;
  try {
    return { name, number: requireProtocol(name) };
  } catch (error) {
    if (error instanceof PolicyError) throw new PolicyError(error.message, read.place(node));
    throw error;
  }
}

/** `host:ports` of an acl. */
function aclTarget(text: string, proto: Protocol | undefined): Target {
  const refuse = (problem: string): never => {
    throw new PolicyError(`dst=${JSON.stringify(text)}: ${problem}`);
  };
  const split = splitHostPorts(text) ?? refuse('hostport must contain a colon (":")');
  const dst = [parseSelector(split.host)];
  try {
    const ports = portList(split.ports);
    if (proto !== undefined) requirePortsAllowed(proto.number, ports, proto.name);
    return { dst, allow: [{ protocols: proto && [proto.number], ports }] };
  } catch (error) {
    if (error instanceof PolicyError) return refuse(error.message);
    throw error;
  }
}

/** Parses `grants`: all destinations share the ports, so there is one target. */
export function parseGrants(read: Reader, section: Node | undefined): Rule[] {
  return read.items(section, 'grants').map((node, index) => {
    const fields = read.fields(node, 'a grant', GRANT_FIELDS);
    const app = capabilities(read, fields.get('app'));
    const allow = read.list(fields.get('ip'), 'ip', protoPorts);
    if (allow.length === 0 && (app === undefined || app.size === 0)) {
      throw new PolicyError('ip and app can not both be empty', read.place(node));
    }
    return {
      section: 'grants',
      index,
      line: read.line(node),
      src: selectors(read, fields.get('src'), 'src'),
      targets: [{ dst: selectors(read, fields.get('dst'), 'dst'), allow }],
      app: app?.size ? app : undefined,
      via: read.strings(fields.get('via'), 'via'),
      srcPosture: postures(read, fields),
    };
  });
}

/** `{domain}/{path}`, the domain of at least one label. */
const CAPABILITY = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?\/[^\s]+$/;

/** The vendor's own capabilities that a policy may grant; the rest of its domain is reserved. */
const GRANTABLE_VENDOR_CAPABILITIES = new Set(
  ['drive', 'webui', 'relay', 'kubernetes', 'golink', 'tailsql', 'secrets', 'tsidp'].map(
    (name) => `tailscale.com/cap/${name}`,
  ),
);

function capabilities(read: Reader, node: Node | undefined): ReadonlyMap<string, ExactValue> | undefined {
  if (node === undefined) return undefined;
  const out = new Map<string, ExactValue>();
  for (const { name, key, value } of read.entries(node, 'app')) {
    if (name.includes('://') || !CAPABILITY.test(name)) {
      throw new PolicyError('capability name must have the form {domain}/{path}', read.place(key));
    }
    if (name.toLowerCase().startsWith('tailscale.com/') && !GRANTABLE_VENDOR_CAPABILITIES.has(name)) {
      throw new PolicyError('capability name must not be in the tailscale.com domain', read.place(key));
    }
    read.items(value, `app[${JSON.stringify(name)}]`);
    out.set(name, read.exactJson(value));
  }
  return out;
}
