import type { Node } from '../../kernel/hujson/index.ts';
import { parseAddrOrPrefix, parsePrefix } from '../../kernel/netip/index.ts';
import type {
  AttrConfig,
  AutoApprovers,
  GroupDef,
  HostDef,
  NodeAttr,
  OwnersDef,
  PolicyTest,
  PostureDef,
  Selector,
} from '../ast.ts';
import { PolicyError } from '../errors.ts';
import { parseCondition } from '../posture.ts';
import type { Reader } from './reader.ts';
import { selectors } from './rules.ts';
import { attributesOf } from './ssh.ts';

const quote = (text: string): string => JSON.stringify(text);

export function parseGroups(read: Reader, section: Node | undefined): Map<string, GroupDef> {
  const out = new Map<string, GroupDef>();
  let nesting: PolicyError | undefined;
  for (const { name, key, value, line } of read.entries(section, 'groups')) {
    if (!name.startsWith('group:') || name === 'group:') {
      throw new PolicyError(`groups[${quote(name)}]: group names must start with "group:"`, read.place(key));
    }
    let nested: PolicyError | undefined;
    const members = read.list(value, `groups[${quote(name)}]`, (text, item) => {
      const member = text.trim();
      if (member.startsWith('group:')) {
        nested ??= new PolicyError(
          `groups[${quote(name)}]: ${quote(member)}: group members cannot be recursive`,
          read.place(item),
        );
      }
      return member.toLowerCase();
    });
    // Of several groups, the service names the last.
    nesting = nested ?? nesting;
    out.set(name, { members, line });
  }
  if (nesting !== undefined) throw nesting;
  return out;
}

export function parseHosts(read: Reader, section: Node | undefined): Map<string, HostDef> {
  const out = new Map<string, HostDef>();
  for (const { name, key, value, line } of read.entries(section, 'hosts')) {
    const text = read.string(value, `hosts[${quote(name)}]`).trim();
    const prefix = parseAddrOrPrefix(text);
    if (name.includes('@') || name === '') {
      const problem = 'host names must not be empty or contain "@"';
      throw new PolicyError(`hosts[${quote(name)}]: ${problem}`, read.place(key));
    }
    if (prefix === undefined)
      throw new PolicyError(`hosts[${quote(name)}]: ${quote(text)}: invalid address`, read.place(value));
    out.set(name, { prefix, line });
  }
  return out;
}

/** What is wrong with how a tag's name begins; for the rest of it see `validateOwners`. */
function tagNameProblem(name: string): string | undefined {
  if (!name.startsWith('tag:')) return "tags must start with 'tag:'";
  if (name === 'tag:') return 'tag names must not be empty';
  return /^tag:[a-zA-Z]/.test(name) ? undefined : "tag names must start with a letter, after 'tag:'";
}

export function parseTagOwners(read: Reader, section: Node | undefined): Map<string, OwnersDef> {
  const out = new Map<string, OwnersDef>();
  for (const { name, key, value, line } of read.entries(section, 'tagOwners')) {
    const problem = tagNameProblem(name);
    if (problem !== undefined)
      throw new PolicyError(`tagOwners[${quote(name)}]: ${problem}`, read.place(key));
    out.set(name, { owners: selectors(read, value, `tagOwners[${quote(name)}]`), line });
  }
  return out;
}

export function parseAutoApprovers(read: Reader, section: Node | undefined): AutoApprovers {
  if (section === undefined) return { routes: [], exitNode: [], services: new Map() };
  const fields = read.fields(section, 'autoApprovers', ['routes', 'exitNode', 'services']);
  const routes = read.entries(fields.get('routes'), 'autoApprovers.routes').map(({ name, key, value }) => {
    const prefix = parseAddrOrPrefix(name.trim());
    if (prefix === undefined) {
      throw new PolicyError(`autoApprovers.routes[${quote(name)}]: invalid prefix`, read.place(key));
    }
    return { name, prefix, approvers: selectors(read, value, 'approvers') };
  });
  const services = new Map<string, readonly Selector[]>(
    read
      .entries(fields.get('services'), 'autoApprovers.services')
      .map(({ name, value }) => [name, selectors(read, value, 'approvers')]),
  );
  return { routes, exitNode: selectors(read, fields.get('exitnode'), 'autoApprovers.exitNode'), services };
}

export function parseNodeAttrs(read: Reader, section: Node | undefined): NodeAttr[] {
  return read.items(section, 'nodeAttrs').map((node, index) => {
    const fields = read.fields(node, 'a node attribute', ['target', 'attr', 'app', 'ipPool']);
    const app = new Map(
      read.entries(fields.get('app'), 'app').map(({ name, value }) => [name, read.exactJson(value)]),
    );
    const ipPool = read.list(fields.get('ippool'), 'ipPool', (text) => {
      const prefix = parsePrefix(text.trim());
      if (prefix === undefined) throw new PolicyError(`IPPool(${text}): invalid prefix`);
      return prefix;
    });
    return {
      index,
      line: read.line(node),
      target: selectors(read, fields.get('target'), 'target'),
      attr: read.strings(fields.get('attr'), 'attr'),
      app,
      ipPool,
    };
  });
}

export function parsePostures(read: Reader, section: Node | undefined): Map<string, PostureDef> {
  const out = new Map<string, PostureDef>();
  for (const { name, key, value, line } of read.entries(section, 'postures')) {
    if (!name.startsWith('posture:')) {
      const problem = 'posture names must start with "posture:"';
      throw new PolicyError(`postures[${quote(name)}]: ${problem}`, read.place(key));
    }
    const conditions = read.list(value, `postures[${quote(name)}]`, (text) => {
      const condition = parseCondition(text);
      if (typeof condition !== 'string') return condition;
      throw new PolicyError(`postures[${quote(name)}]: ${quote(text)}: ${condition}`);
    });
    out.set(name, { conditions, line });
  }
  return out;
}

export function parseAttrConfig(read: Reader, section: Node | undefined): Map<string, AttrConfig> {
  const out = new Map<string, AttrConfig>();
  for (const { name, key, value } of read.entries(section, 'attrConfig')) {
    const fields = read.fields(value, 'attrConfig', ['type', 'allowSetByNode', 'broadcastToPeers']);
    const type = read.optionalString(fields.get('type'), 'type');
    if (!name.startsWith('custom:')) {
      const problem = 'only custom: attributes can be configured';
      throw new PolicyError(`attrConfig[${quote(name)}]: ${problem}`, read.place(key));
    }
    if (type !== 'string' && type !== 'bool' && type !== 'number') {
      const problem = 'type must be "string", "bool" or "number"';
      throw new PolicyError(
        `attrConfig[${quote(name)}]: ${problem}`,
        read.place(fields.get('type') ?? value),
      );
    }
    out.set(name, {
      type,
      allowSetByNode: read.boolean(fields.get('allowsetbynode'), 'allowSetByNode'),
      broadcastToPeers: read.strings(fields.get('broadcasttopeers'), 'broadcastToPeers'),
    });
  }
  return out;
}

const TEST_FIELDS = ['src', 'user', 'proto', 'accept', 'allow', 'deny', 'srcPostureAttrs'];

export function parseTests(read: Reader, section: Node | undefined): PolicyTest[] {
  return read.items(section, 'tests').map((node) => {
    const fields = read.fields(node, 'a test', TEST_FIELDS);
    return {
      place: read.place(node),
      src: read.optionalString(fields.get('src') ?? fields.get('user'), 'src').trim(),
      proto: read.optionalString(fields.get('proto'), 'proto'),
      accept: read.strings(fields.get('accept') ?? fields.get('allow'), 'accept'),
      deny: read.strings(fields.get('deny'), 'deny'),
      srcPostureAttrs: attributesOf(read, fields.get('srcpostureattrs')),
    };
  });
}
