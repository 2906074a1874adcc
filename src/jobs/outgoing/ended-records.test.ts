import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { takingBack } from './ended-records.ts';

const LIFETIME_MS = 100;

function rig() {
  const holding = new Map<string, readonly string[]>();
  const sent: string[] = [];
  const failures: string[] = [];
  const state = { broken: false, waitMs: 0, stuck: '' };
  const records = takingBack({
    dns: {
      domain: () => 'ts.example.net',
      publish: async (name, values) => {
        await delay(state.waitMs);
        if (name === state.stuck) await new Promise(() => undefined);
        if (state.broken) throw new Error('gone');
        sent.push(`${name}=${values.join()}`);
      },
    },
    valuesAt: async (name) => holding.get(name) ?? [],
    lifetimeMs: LIFETIME_MS,
    onError: (_, name) => void failures.push(name),
  });
  return { holding, sent, failures, state, records };
}

describe('records in another DNS server', () => {
  it('are taken back when they have ended, once after the last', async () => {
    const { holding, sent, records } = rig();
    holding.set('a', ['1']);
    await records.publish('a', ['1']);
    holding.set('a', ['1', '2']);
    await records.publish('a', ['1', '2']);
    holding.delete('a');
    await expect.poll(() => sent).toEqual(['a=1', 'a=1,2', 'a=']);
    await delay(2 * LIFETIME_MS);
    expect(sent).toHaveLength(3);
  });

  it('are sent in turn, with what holds then', async () => {
    const { holding, sent, state, records } = rig();
    state.waitMs = 20;
    holding.set('a', ['1']);
    const first = records.publish('a', ['1']);
    holding.set('a', ['1', '2']);
    await Promise.all([first, records.publish('a', ['1', '2'])]);
    expect(sent.at(-1)).toBe('a=1,2');
    records.close();
  });

  it('wait for none of another name', async () => {
    const { holding, sent, state, records } = rig();
    state.stuck = 'a';
    holding.set('b', ['1']);
    void records.publish('a', ['1']);
    await records.publish('b', ['1']);
    expect(sent).toEqual(['b=1']);
    records.close();
  });

  it('fail for whoever published them, and not for the next', async () => {
    const { holding, sent, failures, state, records } = rig();
    holding.set('a', ['1']);
    state.broken = true;
    await expect(records.publish('a', ['1'])).rejects.toThrow('gone');
    await expect.poll(() => failures).toEqual(['a']);
    state.broken = false;
    await records.publish('a', ['1']);
    expect(sent).toEqual(['a=1']);
    records.close();
  });
});
