/**
 * Renames everything that a recorded case names: people, tags, groups, hosts, domains, device addresses. An engine that
 * works by rules gives the renamed answer.
 */
import type { Json, JsonObject, Recorded } from './recorded.ts';

const WORDS: readonly [RegExp, string][] = [
  [/\bodin\b/g, 'wotan'],
  [/\bthor\b/g, 'donar'],
  [/\bfreya\b/g, 'frouwa'],
  [/\bexample\.com\b/g, 'mimir.test'],
  [/\bexample\.org\b/g, 'surtr.test'],
  [/\btag:([a-z])/g, 'tag:z$1'],
  [/\bgroup:([a-z])/g, 'group:q$1'],
];

/** Capability names and check URLs hold domains of their own. */
const isCapability = (text: string): boolean => text.includes('/cap/') || text.startsWith('https://');

// Two low bits change: prefixes of up to /30 hold the same devices as before.
const V4 = /^(\[?)100\.(\d+)\.(\d+)\.(\d+)(\/32)?((?:\]?:.*)?)$/;
const V6 = /^(\[?fd7a:115c:a1e0::(?:[0-9a-f]+:)?)([0-9a-f]{1,4})(\/128)?((?:\]:.*)?)$/;

function address(text: string): string {
  const v4 = V4.exec(text);
  if (v4 !== null) {
    const [, open = '', a = '', b = '', c = '', bits = '', rest = ''] = v4;
    return `${open}100.${a}.${b}.${Number(c) ^ 3}${bits}${rest}`;
  }
  const v6 = V6.exec(text);
  if (v6 === null) return text;
  const [, head = '', last = '', bits = '', rest = ''] = v6;
  const renamed = Number.parseInt(last, 16) ^ 3;
  // "…::0:x" and "…::x" are one address; the recordings have neither a zero in the middle nor at the end.
  return renamed === 0 ? text : `${head}${renamed.toString(16)}${bits}${rest}`;
}

function renamer(hosts: readonly string[]): (value: Json) => Json {
  const host = (text: string): string => {
    for (const name of hosts) {
      if (text === name) return `host-${name}`;
      if (text.startsWith(`${name}:`)) return `host-${text}`;
    }
    return text;
  };
  const word = (text: string): string => {
    if (isCapability(text)) return text;
    let out = host(address(text));
    for (const [pattern, replacement] of WORDS) out = out.replace(pattern, replacement);
    return out;
  };
  const rename = (value: Json): Json => {
    if (typeof value === 'string') return word(value);
    if (Array.isArray(value)) return value.map(rename);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [word(key), rename(member)]));
  };
  return rename;
}

/** The renamed case; its policy file must be plain JSON, as the recorded ones are. */
export function renamed(recorded: Recorded): Recorded {
  const policy = JSON.parse(String(recorded.input.policy)) as JsonObject;
  const rename = renamer(Object.keys((policy.hosts ?? {}) as JsonObject));
  const nodes = recorded.input.nodes as { [name: string]: JsonObject };
  const input: JsonObject = {
    ...recorded.input,
    policy: JSON.stringify(rename(policy)),
    domain: rename(recorded.input.domain ?? ''),
    users: rename(recorded.input.users ?? []),
    nodes: Object.fromEntries(
      Object.entries(nodes).map(([name, node]) => [
        name,
        { ...(rename(node) as JsonObject), hostname: node.hostname ?? '' },
      ]),
    ),
  };
  const expectNodes = recorded.expect.nodes ?? {};
  return {
    ...recorded,
    input,
    expect: {
      ...recorded.expect,
      ...(recorded.expect.message === undefined
        ? {}
        : { message: renameMessage(recorded.expect.message, rename) }),
      nodes: Object.fromEntries(
        Object.entries(expectNodes).map(([name, { packetFilter, sshRules, self, peers }]) => [
          name,
          {
            packetFilter: rename(packetFilter ?? []) as Json[],
            ...(sshRules === undefined ? {} : { sshRules: rename(sshRules) as JsonObject[] }),
            ...(self === undefined ? {} : { self: rename(self) as JsonObject }),
            // Peers are keyed by device names, which stay.
            peers: Object.fromEntries(
              Object.entries(peers ?? {}).map(([peer, view]) => [peer, rename(view) as JsonObject]),
            ),
          },
        ]),
      ),
    },
  };
}

/** Messages quote names in the middle of prose. */
function renameMessage(message: string, rename: (value: Json) => Json): string {
  const quoted = message.replace(/"([^"]*)"/g, (_, text: string) => `"${String(rename(text))}"`);
  return quoted === message ? String(rename(message)) : quoted;
}
