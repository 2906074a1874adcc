// Arguments of capabilities are the applications' own: their numbers pass as they are written, whatever JavaScript makes of them.
import { describe, expect, it } from 'vitest';
import {
  createPolicyEngine,
  DEFAULT_SETTINGS,
  EMPTY_CONTEXT,
  type PolicyEngine,
  parsePolicy,
  validatePolicy,
} from '../index.ts';

const WRITTEN = ['9007199254740993', '-18446744073709551616', '1.0', '1e400', '-0', '0.1', '12E+2', '7'];

const fileWith = (numbers: readonly string[]): string => `{
  "grants": [{"src": ["*"], "dst": ["*"], "app": {"a.test/cap/x": [{"ids": [${numbers}], "__proto__": ${numbers[0]}}, ${numbers[0]}]}}],
  "nodeAttrs": [{"target": ["*"], "app": {"a.test/cap/y": [{"ids": [${numbers}]}], "a.test/cap/z": ${numbers[0]}}}],
}`;

function engineWith(text: string): PolicyEngine {
  const engine = createPolicyEngine({ settings: DEFAULT_SETTINGS, policy: parsePolicy(text) });
  engine.applyAll([
    { kind: 'user', user: { id: 9, login: 'ann@a.test', role: 'owner' } },
    {
      kind: 'device',
      device: {
        ...{ id: 1, owner: { kind: 'membership', id: 9 }, tags: [], addresses: ['100.64.0.1'] },
        ...{ advertised: [], approved: [], attributes: {}, class: 'normal', authorized: true },
      },
    },
  ]);
  return engine;
}

describe('numbers in the arguments of capabilities', () => {
  it('reach devices digit by digit', () => {
    const engine = engineWith(fileWith(WRITTEN));
    const first = WRITTEN[0];
    expect(JSON.stringify(engine.filter(1).rules)).toContain(
      `"CapMap":{"a.test/cap/x":[{"ids":[${WRITTEN}],"__proto__":${first}},${first}]}`,
    );
    expect(JSON.stringify(engine.self(1).capMap)).toBe(
      `{"a.test/cap/y":[{"ids":[${WRITTEN}]}],"a.test/cap/z":[${first}]}`,
    );
  });

  it.each([
    ['{"connectors": [1.0]}', 'connector (1) must be a tag'],
    ['{"presetAppID": 1.0}', 'preset app ID (1) is not valid'],
    ['1.0', 'tailscale.com/app-connectors: an app must be an object'],
  ])('are looked at where the file gives them a meaning: %s', (entry, problem) => {
    const nodeAttrs = `[{"target": ["*"], "app": {"tailscale.com/app-connectors": [${entry}]}}]`;
    expect(() => validatePolicy(parsePolicy(`{"nodeAttrs": ${nodeAttrs}}`), EMPTY_CONTEXT)).toThrow(problem);
  });

  it('are a change where JavaScript has the same number for both, and none where the same is written', () => {
    const engine = engineWith(fileWith(['9007199254740992']));
    const apply = (text: string) => {
      const changes = engine.apply({ kind: 'policy', policy: parsePolicy(text) });
      return { filters: [...changes.filters], self: [...changes.self] };
    };
    expect(apply(fileWith(['9007199254740993']))).toEqual({ filters: [1], self: [1] });
    expect(JSON.stringify(engine.filter(1).rules)).toContain('9007199254740993');
    expect(JSON.stringify(engine.self(1).capMap)).toContain('9007199254740993');
    expect(apply(`// again\n${fileWith(['9007199254740993'])}`)).toEqual({ filters: [], self: [] });
  });
});
