import { describe, expect, it } from 'vitest';
import type { Client } from './messages.ts';
import { filterText } from './packet-filter.ts';

const client = (id: number, parts: Partial<Client>): Client => ({
  id,
  name: `client-${id}`,
  public_key: '',
  preshared_key: null,
  allowed_ips: [`198.18.0.${id}/32`, `fd48:4f44::${id}/128`],
  rules: [],
  ...parts,
});
const rule = (to: string, protocols: number[] | null = null, first_port = 0, last_port = 65_535) => ({
  to,
  protocols,
  first_port,
  last_port,
});
const text = (...clients: Client[]): string =>
  filterText({ interface: 'holdfast0', deviceInterface: 'tailscale0', clients });
const linesOf = (chain: string, of: string): string[] => {
  const start = of.indexOf(`  chain ${chain} {\n`);
  return of
    .slice(start, of.indexOf('\n  }', start))
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== '');
};

describe('the firewall of a gateway', () => {
  it('lets a client reach its destinations by protocol and port, and nothing else', () => {
    const made = text(client(2, { rules: [rule('10.0.0.5', [6], 80, 443), rule('10.1.0.0/16', [17])] }));
    expect(linesOf('access1', made)).toEqual([
      'ip daddr 10.0.0.5 meta l4proto 6 th dport 80-443 accept',
      'ip daddr 10.1.0.0/16 meta l4proto 17 accept',
    ]);
    expect(linesOf('judge', made).at(-1)).toBe('drop');
    expect(made).toContain('elements = { 198.18.0.2/32 : jump access1 }');
    expect(made).toContain('elements = { fd48:4f44::2/128 : jump access1 }');
  });

  it('takes a rule without protocols for TCP, UDP and the ICMP of its family', () => {
    const made = text(client(2, { rules: [rule('10.0.0.5'), rule('fd00::5', null, 22, 22)] }));
    expect(linesOf('access1', made)).toEqual([
      'ip daddr 10.0.0.5 meta l4proto 6 accept',
      'ip daddr 10.0.0.5 meta l4proto 17 accept',
      'ip daddr 10.0.0.5 meta l4proto 1 accept',
      'ip6 daddr fd00::5 meta l4proto 6 th dport 22-22 accept',
      'ip6 daddr fd00::5 meta l4proto 17 th dport 22-22 accept',
      'ip6 daddr fd00::5 meta l4proto 58 accept',
    ]);
  });

  it('gives clients with equal rules one chain, and one without rules an empty one', () => {
    const rules = [rule('10.0.0.5')];
    const made = text(client(2, { rules }), client(3, { rules }), client(4, {}));
    expect(made).toContain(
      '198.18.0.2/32 : jump access1, 198.18.0.3/32 : jump access1, 198.18.0.4/32 : jump access2',
    );
    expect(linesOf('access2', made)).toEqual([]);
  });

  it('names a range once where a client has ranges within ranges', () => {
    const allowed_ips = ['10.9.1.0/24', '10.9.0.0/16', '10.9.0.0/16', '10.8.0.1/32'];
    expect(text(client(2, { allowed_ips }))).toContain(
      'elements = { 10.9.0.0/16 : jump access1, 10.8.0.1/32 : jump access1 }',
    );
  });

  it('judges what was open before as well: only answers pass by connection', () => {
    const [first] = linesOf('judge', text(client(2, {})));
    expect(first).toBe('ct direction reply ct state established,related accept');
    expect(
      linesOf('forward', text()).filter((line) => line.startsWith('iifname') && line.includes('established')),
    ).toEqual([]);
  });

  it('hides clients behind the gateway, but not from devices of the network', () => {
    expect(linesOf('postrouting', text(client(2, {})))).toEqual([
      'type nat hook postrouting priority srcnat; policy accept;',
      'oifname { "holdfast0", "tailscale0" } return',
      'ip saddr @sources4 masquerade',
      'ip6 saddr @sources6 masquerade',
    ]);
  });
});
