/**
 * The firewall of a gateway's plain clients, as one nftables table that is replaced as a whole.
 *
 * What a client sends is judged packet by packet, with no shortcut for connections that were open before: taking a
 * destination away ends what goes on there. Answers to what others began pass by connection.
 */
import { masked, parsePrefix, prefixCovers } from '../kernel/netip/index.ts';
import type { Client, Rule } from './messages.ts';

const TABLE = 'holdfast_gateway';

const ALL_PORTS = 65_535;
const TCP = 6;
const UDP = 17;
const ICMP = 1;
const ICMP6 = 58;
/** What a rule without protocols lets pass. */
const USUAL = [TCP, UDP, ICMP, ICMP6];

export interface FilterInput {
  readonly interface: string;
  /** Where packets to devices of the network go, which must see the client's own address. */
  readonly deviceInterface: string;
  readonly clients: Iterable<Client>;
}

const familyOf = (text: string): 4 | 6 => (text.includes(':') ? 6 : 4);

/** A rule of one destination and one protocol; undefined where the protocol is of the other family. */
function accept({ to, first_port, last_port }: Rule, protocol: number): string | undefined {
  const family = familyOf(to);
  if (protocol === (family === 4 ? ICMP6 : ICMP)) return undefined;
  const destination = `${family === 4 ? 'ip' : 'ip6'} daddr ${to}`;
  const hasPorts = protocol === TCP || protocol === UDP;
  const all = first_port === 0 && last_port === ALL_PORTS;
  const ports = hasPorts && !all ? ` th dport ${first_port}-${last_port}` : '';
  return `${destination} meta l4proto ${protocol}${ports} accept`;
}

function chainOf(rules: readonly Rule[]): string[] {
  const lines = rules.flatMap((rule) =>
    (rule.protocols ?? USUAL).flatMap((protocol) => accept(rule, protocol) ?? []),
  );
  return [...new Set(lines)];
}

/** Clients with equal rules share a chain. */
function chainsOf(
  clients: Iterable<Client>,
): ReadonlyMap<string, { readonly name: string; readonly of: Client[] }> {
  const chains = new Map<string, { name: string; of: Client[] }>();
  for (const client of clients) {
    const body = chainOf(client.rules)
      .map((line) => `    ${line}`)
      .join('\n');
    const known = chains.get(body);
    if (known === undefined) chains.set(body, { name: `access${chains.size + 1}`, of: [client] });
    else known.of.push(client);
  }
  return chains;
}

/** Ranges without those that another of the same client takes in: nftables refuses the whole table for one overlap. */
function outermost(texts: readonly string[]): string[] {
  const ranges = texts.flatMap((text) => {
    const prefix = parsePrefix(text);
    return prefix === undefined ? [] : [{ text, range: masked(prefix) }];
  });
  return ranges
    .filter(
      ({ range }, index) =>
        !ranges.some(
          (other, place) =>
            place !== index &&
            prefixCovers(other.range, range) &&
            // Of two that are equal the first stays.
            (place < index || !prefixCovers(range, other.range)),
        ),
    )
    .map(({ text }) => text);
}

const map = (name: string, type: string, elements: readonly string[]): string =>
  [
    `  map ${name} {`,
    `    type ${type} : verdict`,
    '    flags interval',
    ...(elements.length === 0 ? [] : [`    elements = { ${elements.join(', ')} }`]),
    '  }',
  ].join('\n');

const set = (name: string, type: string, elements: readonly string[]): string =>
  [
    `  set ${name} {`,
    `    type ${type}`,
    '    flags interval',
    '    auto-merge',
    ...(elements.length === 0 ? [] : [`    elements = { ${elements.join(', ')} }`]),
    '  }',
  ].join('\n');

/** The whole table, taking the place of the one before in one transaction. */
export function filterText({ interface: own, deviceInterface, clients }: FilterInput): string {
  const chains = chainsOf(clients);
  const verdicts: Record<4 | 6, string[]> = { 4: [], 6: [] };
  const sources: Record<4 | 6, string[]> = { 4: [], 6: [] };
  for (const { name, of } of chains.values()) {
    for (const prefix of of.flatMap((client) => outermost(client.allowed_ips))) {
      verdicts[familyOf(prefix)].push(`${prefix} : jump ${name}`);
      sources[familyOf(prefix)].push(prefix);
    }
  }
  return `table inet ${TABLE}
delete table inet ${TABLE}
table inet ${TABLE} {
${[...chains].map(([body, { name }]) => `  chain ${name} {\n${body}\n  }`).join('\n')}
${map('clients4', 'ipv4_addr', verdicts[4])}
${map('clients6', 'ipv6_addr', verdicts[6])}
${set('sources4', 'ipv4_addr', sources[4])}
${set('sources6', 'ipv6_addr', sources[6])}
  chain judge {
    ct direction reply ct state established,related accept
    ip saddr vmap @clients4
    ip6 saddr vmap @clients6
    drop
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "${own}" jump judge
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${own}" tcp flags syn / syn,rst tcp option maxseg size set rt mtu
    oifname "${own}" tcp flags syn / syn,rst tcp option maxseg size set rt mtu
    iifname "${own}" jump judge
    oifname "${own}" ct state established,related accept
    oifname "${own}" iifname != "${deviceInterface}" drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname { "${own}", "${deviceInterface}" } return
    ip saddr @sources4 masquerade
    ip6 saddr @sources6 masquerade
  }
}
`;
}

export const removalText = `table inet ${TABLE}\ndelete table inet ${TABLE}\n`;
