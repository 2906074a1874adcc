import { describe, expect, it } from 'vitest';
import { createPolicyEngine, explain, parsePolicy } from '../index.ts';

const ADDRESSES: Readonly<Record<number, readonly string[]>> = {
  1: ['100.64.0.1', 'fd7a:115c:a1e0::1'],
  2: ['100.64.0.2', 'fd7a:115c:a1e0::2'],
};

function asked(src: string, dst: string, target: string, port = 443) {
  const policy = parsePolicy(JSON.stringify({ grants: [{ src: [src], dst: [dst], ip: ['tcp:443'] }] }));
  const engine = createPolicyEngine({ policy });
  engine.applyAll([
    { kind: 'user', user: { id: 9, login: 'ann@a.test', role: 'member' } },
    ...[1, 2].map((id) => ({
      kind: 'device' as const,
      device: {
        ...{ id, owner: { kind: 'membership' as const, id: 9 }, tags: [], attributes: {} },
        ...{ addresses: ADDRESSES[id] ?? [], advertised: [], approved: [] },
        ...{ class: 'normal' as const, authorized: true },
      },
    })),
  ]);
  const { allowed, verdicts } = explain(engine, {
    source: { kind: 'device', id: 1 },
    target: target === '2' ? { kind: 'device', id: 2 } : { kind: 'selector', text: target },
    ...{ protocol: 6, port },
  });
  return { allowed, address: verdicts[0]?.path?.address };
}

describe('a rule that names one of the two addresses of a device', () => {
  it('opens the device over that one, at either end', () => {
    const open = { allowed: true, address: 'fd7a:115c:a1e0::2' };
    expect(asked('fd7a:115c:a1e0::1', '*', '2')).toEqual(open);
    expect(asked('*', 'fd7a:115c:a1e0::2', '2')).toEqual(open);
    expect(asked('100.64.0.1', '*', '2')).toEqual({ allowed: true, address: '100.64.0.2' });
  });

  it('opens nothing at the other, for whoever asks about it', () => {
    const closed = { allowed: false, address: '100.64.0.2' };
    expect(asked('fd7a:115c:a1e0::1', '*', '100.64.0.2')).toEqual(closed);
    expect(asked('fd7a:115c:a1e0::1', '*', '2', 80)).toEqual(closed);
  });
});
