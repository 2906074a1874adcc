import { describe, expect, it } from 'vitest';
import { createPolicyEngine, explain, parsePolicy } from '../index.ts';

describe('the way through an exit node', () => {
  const engine = createPolicyEngine({ policy: parsePolicy('{}') });
  const device = (id: number, advertised: string[]) => ({
    kind: 'device' as const,
    device: {
      ...{ id, owner: { kind: 'membership' as const, id: 9 }, tags: [], attributes: {} },
      ...{ addresses: [`100.64.0.${id}`, `fd7a:115c:a1e0::${id}`], advertised, approved: advertised },
      ...{ class: 'normal' as const, authorized: true },
    },
  });
  engine.applyAll([
    { kind: 'user', user: { id: 9, login: 'ann@a.test', role: 'member' } },
    device(1, []),
    device(2, ['0.0.0.0/0', '::/0']),
  ]);
  const allowed = (address: string) =>
    explain(engine, {
      source: { kind: 'device', id: 1 },
      target: { kind: 'selector', text: address },
      ...{ protocol: 6, port: 443 },
    }).allowed;

  it.each(['8.8.8.8', '2606:4700::1'])('leads to %s', (address) => {
    expect(allowed(address)).toBe(true);
  });

  // Its client refuses them: whoever is let out is not let into the network where the exit node stands.
  it.each([
    ...['10.2.0.5', '172.20.0.1', '192.168.1.1', '169.254.169.254', '224.0.0.1', '100.64.0.99'],
    ...['fe80::1', 'ff02::1', 'fd7a:115c:a1e0::99'],
  ])('does not lead to %s, though its filter has *', (address) => {
    expect(allowed(address)).toBe(false);
  });
});
